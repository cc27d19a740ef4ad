"""When Hub last refused whom what, so that no answer from before is shown after it."""

import time

from cachetools import TTLCache

from hubv1.api.names import Repository
from hubv1.hub.credentials import Credentials

_MOST = 10_000

Who = tuple[Credentials, Repository | None]
"""A repository in the eyes of somebody; None for all of them."""


class Refusals:
    """The latest refusals, as moments of the monotonic clock."""

    def __init__(self, seconds: float) -> None:
        """`seconds` is the age from which answers are not shown anyway."""
        self._at = _Latest(_MOST, seconds)

    def note(self, credentials: Credentials, repository: Repository | None) -> None:
        """Just now; `repository` is None where the credentials themselves were refused."""
        self._at[credentials, repository] = time.monotonic()

    def last(self, credentials: Credentials, repository: Repository | None) -> float:
        """When this was refused, or something that includes it; later where that is not known."""
        theirs = self._at.get((credentials, repository), 0.0)
        all_theirs = self._at.get((credentials, None), 0.0)
        return max(theirs, all_theirs, self._at.forgotten)


class _Latest(TTLCache[Who, float]):
    """Where there are too many the oldest is forgotten, but not that there was one."""

    forgotten = 0.0

    def popitem(self) -> tuple[Who, float]:
        who, at = super().popitem()
        self.forgotten = max(self.forgotten, at)
        return who, at
