"""The URL of a database on a server: read, refused where it is ambiguous, shown without secrets.

What is shown is made of the text as it was given, since a password with an @ in it is another
thing to each program that takes a URL apart. No error repeats any part of a URL.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from hubv1.text import bounded

POSTGRESQL = "postgresql+psycopg"
"""The database of a fleet, and its driver, as URLs name them."""

_MASK = "***"
_SCHEME = re.compile(r"[A-Za-z][\w+.-]*", re.ASCII)
_MEANT = re.compile(r"\s*postgres(ql)?(\+\w+)?(:|//)", re.IGNORECASE)
"""How the URL of a fleet's database begins, though a slash or the colon were left out."""
_HOST_AND_PORT = re.compile(r"(\[[\w:.%]*\]|[\w.,-]*)(:\d*)?(/|$)")
_SECRET_KEY = re.compile(r"pass|secret|token", re.IGNORECASE)
"""Of a parameter in the query: password, sslpassword, passfile."""


class DatabaseUrlError(Exception):
    """A URL that cannot be used, and why, in one sentence."""


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """A URL that has one meaning."""

    url: URL = field(repr=False)
    shown: str
    """For people: without its password and its query."""
    secrets: tuple[str, ...] = field(repr=False)
    """What no text may show, the longest first."""

    def __str__(self) -> str:
        return self.shown

    @property
    def is_postgresql(self) -> bool:
        """Whether it is that of a fleet's database."""
        return self.url.drivername == POSTGRESQL

    def without_secrets(self, text: str) -> str:
        """A text, such as a driver's error, with the secrets in it masked."""
        for secret in self.secrets:
            text = text.replace(secret, _MASK)
        return text


def is_url(text: str) -> bool:
    """Whether this is meant as a URL, and not as the path of a file."""
    return "://" in text or _MEANT.match(text) is not None


def read_database_url(text: str) -> DatabaseUrl:
    """The URL in `text`; raises DatabaseUrlError.

    SQLAlchemy would take any driver for PostgreSQL; here it is the one of requirements.txt.
    """
    given = text.strip()
    if _is_ambiguous(given):
        raise DatabaseUrlError(
            "The database's URL has an @, /, ? or # in its password or its parameters as it is: "
            "write it as %40, %2F, %3F or %23 there."
        )
    url = _parsed(given)
    if url is None:
        raise DatabaseUrlError("This is neither a path nor the URL of a database.")
    if url.drivername == "postgresql":
        url = url.set(drivername=POSTGRESQL)
    return DatabaseUrl(url, masked(given), _secrets(given, url))


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


def _parsed(text: str) -> URL | None:
    if not _HOST_AND_PORT.match(_split(text.partition("://")[2])[2]):
        return None
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        return None


def _secrets(text: str, url: URL) -> tuple[str, ...]:
    """Passwords in every form that they have in the text, a driver or an error."""
    raw = text.partition("://")[2].rpartition("@")[0].partition(":")[2]
    found = {raw, unquote(raw), str(url.password or "")}
    for pair in re.split("[&;]", text.partition("?")[2]):
        key, _, value = pair.partition("=")
        if _SECRET_KEY.search(unquote(key)):
            found |= {value, unquote(value), unquote(value.replace("+", " "))}
    return tuple(sorted(found - {""}, key=len, reverse=True))
