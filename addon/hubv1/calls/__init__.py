"""One v1 call: what was asked and by whom, what is to become of it, and its answer."""

from hubv1.calls.answering import (
    Limits,
    Result,
    answer_call,
    failure,
    gone,
    redirected,
)
from hubv1.calls.cache import AnswerCache
from hubv1.calls.call import (
    Network,
    PendingCall,
    RequestSnapshot,
    take_snapshot,
)
from hubv1.calls.policy import Brownout, Mode, Rule, decide, mode_for, read_brownout, read_rule

__all__ = [
    "AnswerCache",
    "Brownout",
    "Limits",
    "Mode",
    "Network",
    "PendingCall",
    "RequestSnapshot",
    "Result",
    "Rule",
    "answer_call",
    "decide",
    "failure",
    "gone",
    "mode_for",
    "read_brownout",
    "read_rule",
    "redirected",
    "take_snapshot",
]
