"""One v1 call: what was asked and by whom, what is to become of it, and its answer."""

from hubv1.calls.answering import (
    PROBLEMS,
    Limits,
    Result,
    answer_call,
    client_left,
    gone,
    impossible_name,
    internal_error,
    loop_detected,
    redirected,
    restarting,
    unrecorded,
)
from hubv1.calls.cache import AnswerCache
from hubv1.calls.call import (
    Caller,
    Network,
    PendingCall,
    RequestSnapshot,
    client_address,
    identify,
    observed_call,
    take_snapshot,
)
from hubv1.calls.policy import Action, Brownout, Mode, decide, read_brownout
from hubv1.calls.rules import Rule, mode_for, read_rule

__all__ = [
    "PROBLEMS",
    "Action",
    "AnswerCache",
    "Brownout",
    "Caller",
    "Limits",
    "Mode",
    "Network",
    "PendingCall",
    "RequestSnapshot",
    "Result",
    "Rule",
    "answer_call",
    "client_address",
    "client_left",
    "decide",
    "gone",
    "identify",
    "impossible_name",
    "internal_error",
    "loop_detected",
    "mode_for",
    "observed_call",
    "read_brownout",
    "read_rule",
    "redirected",
    "restarting",
    "take_snapshot",
    "unrecorded",
]
