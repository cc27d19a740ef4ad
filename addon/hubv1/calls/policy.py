"""Deciding what becomes of a call: modes, brownouts, and rules with mitmproxy's filters."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from mitmproxy import flowfilter, http

from hubv1.api.routes import Call, Listing, Outcome, Verdict


class Mode(StrEnum):
    """What becomes of calls to the six retired routes, for everybody or for some callers."""

    TRANSLATE = "translate"  # answered from API v2
    OBSERVE = "observe"  # passed on unchanged and recorded
    REDIRECT = "redirect"  # redirected to the v2 URL
    GONE = "gone"  # answered 410
    BROWNOUT = "brownout"  # gone from time to time, so that remaining callers notice


_OUTCOMES = {
    Mode.TRANSLATE: Outcome.TRANSLATED,
    Mode.OBSERVE: Outcome.OBSERVED,
    Mode.REDIRECT: Outcome.REDIRECTED,
    Mode.GONE: Outcome.GONE,
}


def decide(
    call: Call, mode: Mode = Mode.TRANSLATE, *, live: bool, is_dark: bool = False
) -> Outcome | None:
    """The outcome that a call should have; None if Hub still serves it, so it is only counted.

    `live` is false for a recorded call; `is_dark` says whether a brownout is on.
    """
    if call.route.verdict is Verdict.SERVED:
        return None
    if not live:
        return Outcome.OBSERVED
    if call.route.listing is None:
        return Outcome.PASSED  # the bridge leaves calls alone that it cannot answer
    if mode is Mode.BROWNOUT:
        mode = Mode.GONE if is_dark else Mode.TRANSLATE
    if mode is Mode.REDIRECT and (call.route.listing is Listing.NOTHING or not call.is_possible):
        return Outcome.TRANSLATED  # to a 404, since there is no URL to redirect to
    return _OUTCOMES[mode]


@dataclass(frozen=True, slots=True)
class Brownout:
    """A window at the start of each period.

    Periods start at multiples of their length in unix time, so an hour starts on the hour, UTC.
    """

    gone: int  # seconds
    period: int

    def is_on(self, now: float) -> bool:
        """Whether v1 is gone at that unix time."""
        return now % self.period < self.gone


_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_WINDOWS = re.compile(r"(\d{1,6})([smhd])/(\d{1,6})([smhd])", re.ASCII)


def read_brownout(text: str) -> Brownout:
    """Read windows such as `5m/1h`, the first 5 minutes of each hour. Raises ValueError."""
    found = _WINDOWS.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no such window")
    gone, period = (int(found[at]) * _SECONDS[found[at + 1]] for at in (1, 3))
    if not 0 < gone <= period:
        raise ValueError(f"{text!r} is empty or longer than its period")
    return Brownout(gone, period)


class Rule(NamedTuple):
    """A mode for the flows that a filter matches."""

    mode: Mode
    matches: Callable[[http.HTTPFlow], Any]


def mode_for(flow: http.HTTPFlow, rules: Iterable[Rule], default: Mode) -> Mode:
    """The mode of the first rule that matches a flow, else the default."""
    return next((rule.mode for rule in rules if rule.matches(flow)), default)


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
