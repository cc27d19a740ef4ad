"""Where a journal is: a file, or for who reads also a fleet's database by its URL."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from hubv1.journal import files

FILE_NAME = "hub-journal.sqlite3"
"""Of the journal in mitmproxy's confdir."""

POSTGRESQL = "postgresql+psycopg"
"""The database of a fleet, and its driver, as URLs name them."""


class JournalError(Exception):
    """A journal that cannot be used, and why, in one sentence."""


_UNAMBIGUOUS = re.compile(r"(?:[^@/?#]*@)?[^@]*", re.DOTALL)
"""At most one @, and before it nothing that could begin a path: else the rest of a password would
be taken for a host, and shown."""
_SECRET = ("password", "sslpassword")


class Place:
    """A journal's place. Making one touches nothing."""

    def __init__(self, where: str) -> None:
        """`where` is a path or an SQLAlchemy URL; raises JournalError."""
        self.url = _url(where)
        is_sqlite = self.url.get_backend_name() == "sqlite"
        if is_sqlite and _is_in_memory(self.url):
            raise JournalError("A journal in memory would record nothing: name a file.")
        self._shown = (self.url.database or "") if is_sqlite else ""
        self.path = Path(os.path.abspath(self._shown)) if is_sqlite else None  # noqa: PTH100  # links stay
        """As it was named, perhaps a link; None for a server's database."""

    def __str__(self) -> str:
        """The place as it may be shown: a path, or a URL without its password."""
        shown = self.url.set(query={})  # a query may hold a password too
        return self._shown or shown.render_as_string(hide_password=True)

    @property
    def file(self) -> Path | None:
        """The journal's file, which its companions lie beside; None for a server's database."""
        return Path(os.path.realpath(self.path)) if self.path else None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Passwords in the URL, which no text may show."""
        return tuple(filter(None, self._secrets()))

    def _secrets(self) -> Iterator[str]:
        yield self.url.password or ""
        for name in _SECRET:
            value = self.url.query.get(name, "")
            yield from (value,) if isinstance(value, str) else value

    @property
    def key(self) -> object:
        """Equal for two places of the same journal, by whatever names."""
        return (self.file and files.identity(self.file)) or self.url


def _url(where: str) -> URL:
    if "://" not in where:
        return URL.create("sqlite", database=_expanded(where))
    scheme, _, rest = where.partition("://")
    if not scheme.startswith("sqlite") and not _UNAMBIGUOUS.fullmatch(rest):
        raise JournalError(
            "The journal's URL has an @ too many: in a password write it as %40, and / and ? as "
            "%2F and %3F."
        )
    try:
        url = make_url(where)
    except (ArgumentError, ValueError) as error:
        raise JournalError("The journal is neither a path nor an SQLAlchemy URL.") from error
    # SQLAlchemy would take another driver than that of requirements.txt.
    return url.set(drivername=POSTGRESQL) if url.drivername == "postgresql" else url


def _is_in_memory(url: URL) -> bool:
    return url.database in (None, "", ":memory:") or url.query.get("mode") == "memory"


def _expanded(path: str) -> str:
    try:
        return str(Path(path).expanduser())
    except RuntimeError as error:
        raise JournalError(f"The journal {path} is in a home folder nobody knows.") from error
