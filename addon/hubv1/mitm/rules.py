"""Who gets which mode: rules in mitmproxy's own filter language."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mitmproxy import flowfilter, http

from hubv1.options import BadOption
from hubv1.policy import Mode

_Filter = Callable[[http.HTTPFlow], Any]


@dataclass(frozen=True, slots=True)
class Rules:
    """The mode for each call: that of the first rule that matches, else the general one."""

    mode: Mode
    rules: tuple[tuple[Mode, _Filter], ...] = ()

    def mode_for(self, flow: http.HTTPFlow) -> Mode:
        """The mode for a flow whose request is there."""
        for mode, matches in self.rules:
            if matches(flow):
                return mode
        return self.mode


def read_rules(mode: Mode, specs: Sequence[str]) -> Rules:
    """The rules in texts such as `gone ~src 10.0.0.7`; raises BadOption."""
    return Rules(mode, tuple(_rule(spec) for spec in specs))


def _rule(spec: str) -> tuple[Mode, _Filter]:
    name, _, expression = spec.strip().partition(" ")
    if name not in list(Mode) or not expression.strip():
        raise BadOption(
            f"hub_rule takes a mode ({', '.join(Mode)}) and a filter, such as "
            f"'gone ~src 10.0.0.7', not {spec!r}."
        )
    try:
        return Mode(name), flowfilter.parse(expression.strip())
    except ValueError as error:
        raise BadOption(
            f"hub_rule {spec!r} has a filter that mitmproxy cannot read: {error}."
        ) from error
