"""Which callers get which mode: rules in mitmproxy's own filter language."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from mitmproxy import flowfilter, http

from hubv1.calls.policy import Mode


class Rule(NamedTuple):
    """A mode for the flows that a filter matches."""

    mode: Mode
    matches: Callable[[http.HTTPFlow], Any]


def mode_for(flow: http.HTTPFlow, rules: Iterable[Rule], default: Mode) -> Mode:
    """The mode of the first rule that matches a flow, else the default."""
    for rule in rules:
        if rule.matches(flow):
            return rule.mode
    return default


def read_rule(spec: str) -> Rule:
    """Read a rule such as `gone ~src 10.0.0.7`; raises ValueError."""
    name, _, expression = spec.strip().partition(" ")
    if name not in list(Mode) or not expression.strip():
        raise ValueError(
            f"takes a mode ({', '.join(Mode)}) and a filter, such as 'gone ~src 10.0.0.7', "
            f"not {spec!r}"
        )
    try:
        return Rule(Mode(name), flowfilter.parse(expression.strip()))
    except ValueError as error:
        raise ValueError(f"{spec!r} has a filter that mitmproxy cannot read: {error}") from error
