"""The URL of a database on a server: read, refused where it is ambiguous, shown without secrets.

What is shown is made of the text as it was given, since a password with an @ in it is another
thing to each program that takes a URL apart. No error repeats any part of a URL.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from hubv1.texts import bounded

POSTGRESQL = "postgresql+psycopg"
"""The database of a fleet, and its driver, as URLs name them."""

_MASK = "***"
_SCHEME = re.compile(r"[A-Za-z][\w+.-]*", re.ASCII)
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
    return "://" in text


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
    try:
        url = make_url(given)
    except (ArgumentError, ValueError):
        # Without its cause, which repeats the URL.
        raise DatabaseUrlError(
            "This is neither a path nor a URL of a database that can be read."
        ) from None
    if url.drivername == "postgresql":
        url = url.set(drivername=POSTGRESQL)
    return DatabaseUrl(url, masked(given), _secrets(given, url))


def masked(text: str) -> str:
    """`text`, a URL perhaps, sound or not, without what may be a password in it."""
    scheme, colon_slashes, rest = text.strip().partition("://")
    if not colon_slashes:
        return text
    if not _SCHEME.fullmatch(scheme):
        return _MASK
    if _is_ambiguous(text):
        return f"{scheme}://{_MASK}"
    user_info, at, place = rest.rpartition("@")
    user, colon, _ = user_info.partition(":")
    host, slash, name = re.split(r"[?#]", place, maxsplit=1)[0].partition("/")
    if colon:
        user += f":{_MASK}"
    elif not at:
        host = _without_odd_port(host)
    return bounded(f"{scheme}://{user}{at}{host}{slash}{name}")


def _is_ambiguous(text: str) -> bool:
    """Whether a part of a password could be taken for host, path or query."""
    user_info, at, _ = text.partition("://")[2].rpartition("@")
    return bool(at) and any(char in user_info for char in "@/?#")


def _without_odd_port(host: str) -> str:
    """`user:password` with its @ forgotten looks like a host with a port."""
    name, colon, port = host.rpartition(":")
    is_port = port.isdecimal() or (name.count(":") > 0 and port.endswith("]"))
    return host if not colon or is_port else f"{name}:{_MASK}"


def _secrets(text: str, url: URL) -> tuple[str, ...]:
    """Passwords in every form that they have in the text, a driver or an error."""
    raw = text.partition("://")[2].rpartition("@")[0].partition(":")[2]
    found = {raw, unquote(raw), str(url.password or "")}
    for pair in re.split("[&;]", text.partition("?")[2]):
        key, _, value = pair.partition("=")
        if _SECRET_KEY.search(unquote(key)):
            found |= {value, unquote(value), unquote(value.replace("+", " "))}
    return tuple(sorted(found - {""}, key=len, reverse=True))
