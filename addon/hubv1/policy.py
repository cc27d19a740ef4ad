"""What is to become of a call, decided before anything is done about it."""

from enum import Enum, auto

from hubv1.recognition import Call
from hubv1.routes import Verdict


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


def decide(call: Call, *, live: bool) -> Action:
    """The action for `call`; `live` is false for calls that come from a recording."""
    if call.route.verdict is Verdict.SERVED:
        return Action.COUNT
    if not live:
        return Action.OBSERVE
    if call.route.listing is None:
        return Action.PASS
    return Action.TRANSLATE
