"""What is to become of a call: modes, brownouts, and the action that follows from them."""

import re
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from hubv1.api.routes import Call, Listing, Verdict


class Mode(StrEnum):
    """What becomes of calls to the six retired routes, for everybody or for some callers."""

    TRANSLATE = "translate"
    """Answered from API v2."""
    OBSERVE = "observe"
    """Passed on untouched and recorded."""
    REDIRECT = "redirect"
    """Sent to the v2 URL."""
    GONE = "gone"
    """Answered 410."""
    BROWNOUT = "brownout"
    """Gone from time to time, so that whoever still calls notices."""


class Action(Enum):
    """What the bridge does with one call."""

    COUNT = auto()
    """Pass it on and only count it, since Hub still serves it."""
    OBSERVE = auto()
    """Pass it on untouched and record it. Nothing else can be done with a recorded call."""
    PASS = auto()
    """Pass it on and record it, since there is nothing to translate."""
    TRANSLATE = auto()
    """Answer it from API v2."""
    REDIRECT = auto()
    """Send it to the v2 URL."""
    REFUSE = auto()
    """Answer that v1 is gone."""


@dataclass(frozen=True, slots=True)
class Brownout:
    """A window at the start of each period. Periods start at multiples of their length in unix
    time: those of an hour on the hour, UTC."""

    gone: int
    """Seconds."""
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


def decide(call: Call, mode: Mode = Mode.TRANSLATE, *, live: bool, is_dark: bool = False) -> Action:
    """Decide what to do with a call.

    `live` is false for a recorded call; `is_dark` says whether a brownout is on.
    """
    if call.route.verdict is Verdict.SERVED:
        return Action.COUNT
    if not live:
        return Action.OBSERVE
    if call.route.listing is None:
        return Action.PASS  # what the bridge does not answer, it does not end either
    if mode is Mode.BROWNOUT:
        mode = Mode.GONE if is_dark else Mode.TRANSLATE
    if mode is Mode.REDIRECT and (call.route.listing is Listing.NOTHING or not call.is_possible):
        return Action.TRANSLATE  # what cannot exist has no URL: 404
    return _ACTIONS[mode]


_ACTIONS = {
    Mode.TRANSLATE: Action.TRANSLATE,
    Mode.OBSERVE: Action.OBSERVE,
    Mode.REDIRECT: Action.REDIRECT,
    Mode.GONE: Action.REFUSE,
}
