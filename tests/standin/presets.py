"""Faults as JSON, for whoever is not in this process.

`{"match": "/tags", "action": "latency", "seconds": 0.05}`: the name of an action and its
arguments as faults.py and bodies.py call them; `listener`, `method`, `skip` and `times` as in
rules.Fault.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

from . import bodies, faults
from .rules import Action, BadFault, Fault

ACTIONS: dict[str, Callable[..., Action]] = {
    make.__name__: make
    for make in (
        faults.latency,
        faults.status,
        faults.html,
        faults.broken_json,
        faults.empty,
        faults.redirect,
        faults.rate_limited,
        faults.hang,
        faults.drop,
        faults.count_lies,
        faults.null_results,
        faults.next_at,
        faults.endless,
        faults.no_personal_tokens,
        bodies.encoded,
        bodies.bomb,
        bodies.cut,
        bodies.drip,
    )
}
OF_THE_RULE = ("listener", "method", "skip", "times")


def fault_from_json(given: object) -> Fault:
    """The rule that a JSON object describes; BadFault says what is wrong with it."""
    if not isinstance(given, dict) or not isinstance(given.get("match"), str):
        raise BadFault("a fault is an object with at least `match`, a text, and `action`")
    arguments = dict(given)
    match, action = arguments.pop("match"), arguments.pop("action", None)
    rule = {key: arguments.pop(key) for key in OF_THE_RULE if key in arguments}
    if action not in ACTIONS:
        raise BadFault(f"action {action!r} is none of {', '.join(sorted(ACTIONS))}")
    try:
        inspect.signature(ACTIONS[action]).bind(**arguments)
    except TypeError as error:
        raise BadFault(f"action {action}: {error}") from None
    return Fault(match, ACTIONS[action](**arguments), **rule)
