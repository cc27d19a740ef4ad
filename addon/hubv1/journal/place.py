"""Where a journal is: the path of a file, or the URL of a database on a server, which is refused
where it is ambiguous and shown without secrets.

What is shown is made of the text as it was given, since a password with an @ in it is another
thing to each program that takes a URL apart. No error repeats any part of a URL.
"""

import os
import re
from pathlib import Path
from urllib.parse import unquote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from hubv1.journal import files
from hubv1.text import bounded

FILE_NAME = "hub-journal.sqlite3"
"""Of the journal in mitmproxy's confdir."""
POSTGRESQL = "postgresql+psycopg"
"""The database of a fleet, and its driver, as URLs name them."""

_MASK = "***"
_SCHEME = re.compile(r"[A-Za-z][\w+.-]*", re.ASCII)
_MEANT = re.compile(r"\s*postgres(ql)?(\+\w+)?(:|//)", re.IGNORECASE)
"""How the URL of a fleet's database begins, though a slash or the colon were left out."""
_HOST_AND_PORT = re.compile(r"(\[[\w:.%]*\]|[\w.,-]*)(:\d*)?(/|$)")
_SECRET_KEY = re.compile(r"pass|secret|token", re.IGNORECASE)
"""Of a parameter in the query: password, sslpassword, passfile."""


class JournalError(Exception):
    """A journal that cannot be used, and why, in one sentence."""


class Place:
    """A journal's place. Making one touches nothing."""

    def __init__(self, where: str) -> None:
        """`where` is a path or an SQLAlchemy URL; raises JournalError."""
        self.path: Path | None = None
        """Of the file as it was named, perhaps a link; None for a server's database."""
        self._secrets: tuple[str, ...] = ()
        """What no text may show, the longest first."""
        if is_url(where) and not where.startswith("sqlite:"):
            given = where.strip()
            self.url = _server_url(given)
            self._shown, self._secrets = masked(given), _secrets(given, self.url)
        else:
            self.url = _sqlite_url(where)
            self._shown = self.url.database or ""
            self.path = Path(os.path.abspath(self._shown))  # noqa: PTH100  # links stay

    def __str__(self) -> str:
        """The place as it may be shown: a path, or a URL without its password and its query."""
        return self._shown

    def without_secrets(self, text: str) -> str:
        """A text about it, such as a driver's error, with the secrets in it masked."""
        for secret in self._secrets:
            text = text.replace(secret, _MASK)
        return text

    @property
    def file(self) -> Path | None:
        """The journal's file, which its companions lie beside; None for a server's database."""
        return Path(os.path.realpath(self.path)) if self.path else None

    @property
    def key(self) -> object:
        """Equal for two places of the same journal, by whatever names."""
        return (self.file and files.identity(self.file)) or self.file or self.url


def is_url(text: str) -> bool:
    """Whether this is meant as a URL, and not as the path of a file."""
    return "://" in text or _MEANT.match(text) is not None


def masked(text: str) -> str:
    """`text`, a URL perhaps, sound or not, without what may be a password in it."""
    scheme, colon_slashes, rest = text.strip().partition("://")
    if not colon_slashes:
        return _MASK if is_url(text) else text
    if not _SCHEME.fullmatch(scheme):
        return _MASK
    if _is_ambiguous(text):
        return f"{scheme}://{_MASK}"
    user_info, at, place = _split(rest)
    user, colon, _ = user_info.partition(":")
    if not _HOST_AND_PORT.match(place):
        # `user:password` with its @ forgotten looks like a host with a port.
        place = f"{'' if at else place.partition(':')[0] + ':'}{_MASK}"
    return bounded(f"{scheme}://{user}{f':{_MASK}' if colon else ''}{at}{place}")


def _sqlite_url(where: str) -> URL:
    try:
        path = None if is_url(where) else str(Path(where).expanduser())
    except RuntimeError as error:
        raise JournalError(f"The journal {where} is in a home folder nobody knows.") from error
    url = make_url(where) if path is None else URL.create("sqlite", database=path)
    if url.database in (None, "", ":memory:") or url.query.get("mode") == "memory":
        raise JournalError("A journal in memory would record nothing: name a file.")
    return url


def _server_url(text: str) -> URL:
    """SQLAlchemy would take any driver for PostgreSQL, and `postgres:`, as libpq writes it too, for
    something else; here both are the driver of requirements.txt."""
    if _is_ambiguous(text):
        raise JournalError(
            "The database's URL has an @, /, ? or # in its password or its parameters as it is: "
            "write it as %40, %2F, %3F or %23 there."
        )
    if _HOST_AND_PORT.match(_split(text.partition("://")[2])[2]):
        try:
            url = make_url(text)
        except (ArgumentError, ValueError):
            pass  # an error raised here would show it as its context
        else:
            is_postgresql = url.drivername in {"postgresql", "postgres"}
            return url.set(drivername=POSTGRESQL) if is_postgresql else url
    raise JournalError("This is neither a path nor the URL of a database.")


def _is_ambiguous(text: str) -> bool:
    """Whether a part of a password could be taken for host, path or query."""
    rest = text.partition("://")[2]
    user_info, at, _ = rest.rpartition("@")
    # Fragments mean nothing to a database.
    return "#" in rest or (bool(at) and any(char in user_info for char in "@/?"))


def _split(rest: str) -> tuple[str, str, str]:
    """User info, @, and host, port and path of what stands behind the scheme."""
    user_info, at, place = rest.rpartition("@")
    return user_info, at, place.partition("?")[0]


def _secrets(text: str, url: URL) -> tuple[str, ...]:
    """Passwords in every form that they have in the text, a driver or an error."""
    raw = text.partition("://")[2].rpartition("@")[0].partition(":")[2]
    found = {raw, unquote(raw), str(url.password or "")}
    for pair in re.split("[&;]", text.partition("?")[2]):
        key, _, value = pair.partition("=")
        if _SECRET_KEY.search(unquote(key)):
            found |= {value, unquote(value), unquote(value.replace("+", " "))}
    return tuple(sorted(found - {""}, key=len, reverse=True))
