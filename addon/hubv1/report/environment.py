"""Arguments that stand in the environment, as `HUB_REPORT_SINCE` for `--since`."""

from collections.abc import Mapping
from typing import Any

PREFIX = "HUB_REPORT_"


def variable_of(argument: str) -> str:
    """The variable of `--fail-on` or `fail_on`."""
    return PREFIX + argument.lstrip("-").replace("-", "_").upper()


def from_environment(
    given: Mapping[str, Any], several: frozenset[str], environment: Mapping[str, str]
) -> dict[str, list[str]]:
    """What to put before the command line, by variable: values of the arguments that it leaves out.

    `given` are all arguments that there are, with their values there; `several` names those that
    may have several, which stand on lines of their own.
    """
    found = {}
    for name, value in given.items():
        text = environment.get(variable_of(name), "").strip()
        if text and not value:
            flag = f"--{name.replace('_', '-')}"
            values = text.splitlines() if name in several else [text]
            found[variable_of(name)] = [f"{flag}={each.strip()}" for each in values]
    return found
