"""Which calls go wrong, and how often: the list that actions of faults.py are put on."""

from __future__ import annotations

import re
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from aiohttp import web

Proceed = Callable[[], Awaitable[web.StreamResponse]]
Action = Callable[[web.Request, Proceed], Awaitable[web.StreamResponse]]


class BadFault(ValueError):
    """A rule that cannot be understood; the message is for whoever wrote it."""


@dataclass
class Fault:
    """One rule. Meets a request whose raw path with query contains `match` or is found by it as
    a regular expression, on that listener and with that method where they are given.

    The first `skip` meetings pass, the next `times` (None: all) get the action. `met` and `acted`
    count both.
    """

    match: str
    action: Action
    listener: str | None = None
    method: str | None = None
    skip: int = 0
    times: int | None = None
    met: int = 0
    acted: int = 0
    _pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        try:
            self._pattern = re.compile(self.match)
        except re.error as error:
            raise BadFault(f"match {self.match!r} is no regular expression: {error}") from None

    def meets(self, listener: str, method: str, path: str) -> bool:
        return (
            self.listener in (None, listener)
            and self.method in (None, method)
            and (self.match in path or self._pattern.search(path) is not None)
        )

    def take(self) -> bool:
        """Counts one meeting; whether the action is due."""
        self.met += 1
        due = self.met > self.skip and (self.times is None or self.acted < self.times)
        self.acted += due
        return due


class Faults:
    """The rules in force. Each wraps those after it, as middleware does: latency first and a
    status after it gives a late status; what an action keeps from happening is not counted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: tuple[Fault, ...] = ()

    def add(
        self,
        match: str,
        action: Action,
        *,
        listener: str | None = None,
        method: str | None = None,
        skip: int = 0,
        times: int | None = None,
    ) -> Fault:
        """Puts a rule at the end; the one that is returned counts what it did."""
        return self.append(Fault(match, action, listener, method, skip, times))

    def append(self, fault: Fault) -> Fault:
        with self._lock:
            self._rules = (*self._rules, fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._rules = ()

    async def answer(
        self, listener: str, request: web.Request, proceed: Proceed
    ) -> web.StreamResponse:
        """The answer to a request after all rules had their say."""
        return await self._next(self._rules, listener, request, proceed)

    async def _next(
        self, rules: tuple[Fault, ...], listener: str, request: web.Request, proceed: Proceed
    ) -> web.StreamResponse:
        for place, rule in enumerate(rules):
            if rule.meets(listener, request.method, request.raw_path) and rule.take():
                rest = partial(self._next, rules[place + 1 :], listener, request, proceed)
                return await rule.action(request, rest)
        return await proceed()
