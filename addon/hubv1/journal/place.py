"""Where a journal is: a path or an SQLAlchemy URL."""

import os
from pathlib import Path

from sqlalchemy.engine import URL, make_url

from hubv1.journal import files
from hubv1.journal.database_url import DatabaseUrl, DatabaseUrlError, is_url, read_database_url

FILE_NAME = "hub-journal.sqlite3"
"""Of the journal in mitmproxy's confdir."""


class JournalError(Exception):
    """A journal that cannot be used, and why, in one sentence."""


class Place:
    """A journal's place. Making one touches nothing."""

    def __init__(self, where: str) -> None:
        """`where` is a path or an SQLAlchemy URL."""
        self._database = _server_database(where)
        self._shown = ""
        self.path: Path | None = None
        """Of the file as it was named, perhaps a link; None for a server's database."""
        self.url = self._database.url if self._database else _sqlite_url(where)
        if self._database is None:
            if _is_in_memory(self.url):
                raise JournalError("A journal in memory would record nothing: name a file.")
            self._shown = self.url.database or ""
            self.path = Path(os.path.abspath(self._shown))  # noqa: PTH100  # links stay

    def __str__(self) -> str:
        """The place as it may be shown: a path, or a URL without its password."""
        return str(self._database or self._shown)

    def without_secrets(self, text: str) -> str:
        """A text about it, such as a driver's error, without what is secret in the URL."""
        return self._database.without_secrets(text) if self._database else text

    @property
    def file(self) -> Path | None:
        """The journal's file, which its companions lie beside; None for a server's database."""
        return Path(os.path.realpath(self.path)) if self.path else None

    @property
    def key(self) -> object:
        """Equal for two places of the same journal, by whatever names."""
        return (self.file and files.identity(self.file)) or self.url


def _server_database(where: str) -> DatabaseUrl | None:
    if not is_url(where) or where.startswith("sqlite:"):
        return None
    try:
        return read_database_url(where)
    except DatabaseUrlError as error:
        raise JournalError(str(error)) from None


def _sqlite_url(where: str) -> URL:
    return make_url(where) if is_url(where) else URL.create("sqlite", database=_expanded(where))


def _is_in_memory(url: URL) -> bool:
    return url.database in (None, "", ":memory:") or url.query.get("mode") == "memory"


def _expanded(path: str) -> str:
    try:
        return str(Path(path).expanduser())
    except RuntimeError as error:
        raise JournalError(f"The journal {path} is in a home folder nobody knows.") from error
