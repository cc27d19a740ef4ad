"""Logging in: right, wrong, and locked out after too many wrong attempts."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .settings import Settings


class Login(enum.Enum):
    GOOD = "good"
    WRONG = "wrong"
    LOCKED = "locked"


@dataclass
class _Failures:
    count: int = 0
    locked_until: float = 0.0


@dataclass
class Doorkeeper:
    """Checks secrets and counts failures for each user name; `now` is the server's unix time."""

    accounts: Mapping[str, str]
    settings: Settings
    now: Callable[[], float]
    _failures: dict[str, _Failures] = field(default_factory=dict)

    def login(self, user: str, secret: str) -> Login:
        """A locked name is refused even with the right secret, until its time is over."""
        failures = self._failures.setdefault(user, _Failures())
        if failures.locked_until > self.now():
            return Login.LOCKED
        if user in self.accounts and self.accounts[user] == secret:
            del self._failures[user]
            return Login.GOOD
        self._count(failures)
        return Login.WRONG

    def _count(self, failures: _Failures) -> None:
        failures.count += 1
        if 0 < self.settings.failed_logins <= failures.count:
            failures.count = 0
            failures.locked_until = self.now() + self.settings.locked_seconds
