"""What is to become of a call, decided before anything is done about it."""

import re
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from hubv1.routes import Call, Listing, Verdict


class Mode(StrEnum):
    """What the six retired routes are for now, for everybody or for some callers."""

    TRANSLATE = "translate"
    OBSERVE = "observe"
    """Passed on untouched and written down."""
    REDIRECT = "redirect"
    """Sent to the documented v2 URL."""
    GONE = "gone"
    BROWNOUT = "brownout"
    """Gone now and then, so that whoever still calls takes notice."""


class Action(Enum):
    """The ways to treat a call."""

    COUNT = auto()
    """Hub serves it still: let it pass and only count it."""
    OBSERVE = auto()
    """Touch nothing and write it down; all that is left to do with a recording."""
    PASS = auto()
    """Nothing to translate: let it pass and write it down."""
    TRANSLATE = auto()
    """Answer it from API v2."""
    REDIRECT = auto()
    """Send it to the v2 URL."""
    REFUSE = auto()
    """Answer that v1 is gone."""


@dataclass(frozen=True, slots=True)
class Brownout:
    """Windows at the beginning of each period; periods begin when the unix time divides by them,
    so that an hour's begin on the hour, UTC."""

    gone: int
    """Seconds."""
    period: int

    def is_on(self, now: float) -> bool:
        """Whether v1 is gone at that unix time."""
        return now % self.period < self.gone


_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_WINDOWS = re.compile(r"(\d{1,6})([smhd])/(\d{1,6})([smhd])", re.ASCII)


def read_brownout(text: str) -> Brownout:
    """Of `5m/1h`: for the first 5 minutes of each hour. Raises ValueError."""
    found = _WINDOWS.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not such as 5m/1h")
    gone, period = (int(found[at]) * _SECONDS[found[at + 1]] for at in (1, 3))
    if not 0 < gone <= period:
        raise ValueError(f"{text!r} is longer than its period, or nothing")
    return Brownout(gone, period)


def decide(call: Call, mode: Mode = Mode.TRANSLATE, *, live: bool, is_dark: bool = False) -> Action:
    """The action for `call`.

    `live` is false for calls that come from a recording; `is_dark` tells whether it is the time
    of a brownout.
    """
    if call.route.verdict is Verdict.SERVED:
        return Action.COUNT
    if not live:
        return Action.OBSERVE
    if call.route.listing is None:
        return Action.PASS  # what the bridge does not answer it does not end either
    if mode is Mode.BROWNOUT:
        mode = Mode.GONE if is_dark else Mode.TRANSLATE
    if mode is Mode.REDIRECT and (call.route.listing is Listing.NOTHING or not call.is_possible):
        return Action.TRANSLATE  # there is no URL for what cannot exist: 404
    return _ACTIONS[mode]


_ACTIONS = {
    Mode.TRANSLATE: Action.TRANSLATE,
    Mode.OBSERVE: Action.OBSERVE,
    Mode.REDIRECT: Action.REDIRECT,
    Mode.GONE: Action.REFUSE,
}
