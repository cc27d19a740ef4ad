"""The location of a journal: the path of a file, or the URL of a database on a server.

An ambiguous URL is refused, since programs disagree about where a password with an @ in it ends. A
URL is shown without secrets, and no error repeats any part of it.
"""

import os
import re
from pathlib import Path
from urllib.parse import unquote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from hubv1.journal import files
from hubv1.text import bounded

FILE_NAME = "hub-journal.sqlite3"  # of the journal in mitmproxy's confdir
POSTGRESQL = "postgresql+psycopg"  # a fleet's database and its driver, as in a URL

_MASK = "***"
_SCHEME = re.compile(r"[A-Za-z][\w+.-]*", re.ASCII)
_MEANT = re.compile(r"\s*postgres(ql)?(\+\w+)?(:|//)", re.IGNORECASE)
"""The beginning of a fleet's URL, even if a slash or the colon is missing."""
_HOST_AND_PORT = re.compile(r"(\[[\w:.%]*\]|[\w.,-]*)(:\d*)?(/|$)")
_SECRET_KEY = re.compile(r"pass|secret|token", re.IGNORECASE)
"""In the name of a parameter such as password, sslpassword or passfile."""


class JournalError(Exception):
    """A journal cannot be used; the text says why, in one sentence."""


class Location:
    """The location of a journal, which need not exist."""

    def __init__(self, where: str) -> None:
        """`where` is a path or an SQLAlchemy URL; raises JournalError."""
        self.path: Path | None = None
        """The path as it was given, perhaps of a link; None for a server's database."""
        self._secrets: tuple[str, ...] = ()  # the secrets in the URL, the longest first
        if is_url(where) and not where.startswith("sqlite:"):
            given = where.strip()
            self.url = _server_url(given)
            self._shown, self._secrets = masked(given), _secrets(given, self.url)
        else:
            self.url = _sqlite_url(where)
            self._shown = self.url.database or ""
            self.path = Path(os.path.abspath(self._shown))  # noqa: PTH100  # links stay

    def __str__(self) -> str:
        """The path, or the URL without its password and its query."""
        return self._shown

    def without_secrets(self, text: str) -> str:
        """A text, such as a driver's error, with the secrets of the URL masked."""
        for secret in self._secrets:
            text = text.replace(secret, _MASK)
        return text

    @property
    def file(self) -> Path | None:
        """The file that the path leads to now, next to its companions; None for a server's
        database."""
        return Path(os.path.realpath(self.path)) if self.path else None

    @property
    def key(self) -> object:
        """A key that is equal for two locations of the same journal, whatever their names."""
        return (self.file and files.identity(self.file)) or self.file or self.url


def is_url(text: str) -> bool:
    """Whether the text is meant as a URL rather than the path of a file."""
    return "://" in text or _MEANT.match(text) is not None


def masked(text: str) -> str:
    """`text`, which may be a URL with mistakes, without anything that may be a password."""
    scheme, colon_slashes, rest = text.strip().partition("://")
    if not colon_slashes:
        return _MASK if is_url(text) else text
    if not _SCHEME.fullmatch(scheme):
        return _MASK
    if _is_ambiguous(text):
        return f"{scheme}://{_MASK}"
    user_info, at, host = _split(rest)
    user, colon, _ = user_info.partition(":")
    if not _HOST_AND_PORT.match(host):
        # `user:password` with its @ forgotten looks like a host with a port.
        host = f"{'' if at else host.partition(':')[0] + ':'}{_MASK}"
    return bounded(f"{scheme}://{user}{f':{_MASK}' if colon else ''}{at}{host}")


def _sqlite_url(where: str) -> URL:
    try:
        path = None if is_url(where) else str(Path(where).expanduser())
    except RuntimeError as error:
        raise JournalError(
            f"The journal {where} is in the home folder of an unknown user."
        ) from error
    url = make_url(where) if path is None else URL.create("sqlite", database=path)
    if url.database in (None, "", ":memory:") or url.query.get("mode") == "memory":
        raise JournalError("A journal in memory would record nothing: name a file.")
    return url


def _server_url(text: str) -> URL:
    """The URL of a server's database; for PostgreSQL, which libpq also calls `postgres`, with our
    driver. Raises JournalError."""
    if _is_ambiguous(text):
        raise JournalError(
            "The database's URL has an unescaped @, /, ? or # in its password or parameters: write "
            "it as %40, %2F, %3F or %23."
        )
    if _HOST_AND_PORT.match(_split(text.partition("://")[2])[2]):
        try:
            url = make_url(text)
        except (ArgumentError, ValueError):
            pass  # an error raised here would show the URL in its context
        else:
            is_postgresql = url.drivername in {"postgresql", "postgres"}
            return url.set(drivername=POSTGRESQL) if is_postgresql else url
    raise JournalError("This is neither a path nor the URL of a database.")


def _is_ambiguous(text: str) -> bool:
    """Whether part of a password could be taken for a host, path or query."""
    rest = text.partition("://")[2]
    user_info, at, _ = rest.rpartition("@")
    # No database uses a fragment, so a # belongs to a password.
    return "#" in rest or (bool(at) and any(char in user_info for char in "@/?"))


def _split(rest: str) -> tuple[str, str, str]:
    """The user info, the @, and the host with port and path of a URL without its scheme."""
    user_info, at, host = rest.rpartition("@")
    return user_info, at, host.partition("?")[0]


def _secrets(text: str, url: URL) -> tuple[str, ...]:
    """The passwords in a URL, in every form that a driver or an error may show."""
    raw = text.partition("://")[2].rpartition("@")[0].partition(":")[2]
    found = {raw, unquote(raw), str(url.password or "")}
    for pair in re.split("[&;]", text.partition("?")[2]):
        key, _, value = pair.partition("=")
        if _SECRET_KEY.search(unquote(key)):
            found |= {value, unquote(value), unquote(value.replace("+", " "))}
    return tuple(sorted(found - {""}, key=len, reverse=True))
