"""One v1 call: what was asked and by whom, what is to become of it, and its answer."""

from hubv1.calls.answering import (
    PROBLEMS,
    Limits,
    Result,
    answer_call,
    failure,
    gone,
    redirected,
)
from hubv1.calls.cache import AnswerCache
from hubv1.calls.call import (
    Caller,
    Network,
    PendingCall,
    client_address,
    identify,
    observed_call,
    take_snapshot,
)
from hubv1.calls.policy import Brownout, Mode, Rule, decide, mode_for, read_brownout, read_rule

__all__ = [
    "PROBLEMS",
    "AnswerCache",
    "Brownout",
    "Caller",
    "Limits",
    "Mode",
    "Network",
    "PendingCall",
    "Result",
    "Rule",
    "answer_call",
    "client_address",
    "decide",
    "failure",
    "gone",
    "identify",
    "mode_for",
    "observed_call",
    "read_brownout",
    "read_rule",
    "redirected",
    "take_snapshot",
]
