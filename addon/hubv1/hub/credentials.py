"""The credentials of a call: none, a user name with a secret, or a token; and how to keep secrets
out of texts."""

import html
import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import unquote, unquote_plus

from cachetools import LRUCache

LONGEST_SECRET = 8_192  # characters; a token of Hub's has about 1,500

MASK = "***"  # shown in place of a secret

_TOKEN = re.compile(r"[\w.~+/-]+=*", re.ASCII)
_MOST_SECRETS = 2_000
_MOST_TEXTS = 100
_UNMISTAKABLE = 8
"""Characters that another caller's secret must have to be masked: a shorter one may be a word."""
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_CONTROLS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LOOKS_SECRET = re.compile(
    r"dckr_[a-z]+_[\w-]+"  # Docker's own access tokens
    r"|\beyJ[\w-]{5,}\.[\w.-]*"  # a JSON web token, perhaps cut
    r"|(?i:(?<=\bbearer )|(?<=\bbasic ))[\w.~+/%-]{8,}=*"
)


@dataclass(frozen=True, slots=True)
class Anonymous:
    """An anonymous caller, with or without an Authorization header that names nobody."""

    kind: str = field(default="none", compare=False)
    """`token` for v1's own `Authorization: Token …`, which nobody can check any more; `basic` if
    both user and secret are empty; `other` for a scheme that v1 did not have."""

    user: ClassVar[str] = ""
    is_possible: ClassVar[bool] = True
    header: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class Basic:
    """A user name and a secret, which Hub exchanges for a token."""

    user: str
    secret: str = field(repr=False)

    kind: ClassVar[str] = "basic"

    @property
    def is_possible(self) -> bool:
        """Whether Hub could accept them."""
        return bool(self.user and self.secret) and len(self.user + self.secret) <= LONGEST_SECRET

    @property
    def header(self) -> str:
        """The Authorization header."""
        return f"Basic {b64encode(f'{self.user}:{self.secret}'.encode()).decode()}"


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token that Hub gave to the caller."""

    token: str = field(repr=False)

    kind: ClassVar[str] = "bearer"
    user: ClassVar[str] = ""

    @property
    def is_possible(self) -> bool:
        """Whether it has the form of a token, so that it can be part of a request."""
        return len(self.token) <= LONGEST_SECRET and _TOKEN.fullmatch(self.token) is not None

    @property
    def header(self) -> str:
        """The Authorization header."""
        return f"Bearer {self.token}"


Credentials = Anonymous | Basic | Bearer

ANONYMOUS = Anonymous()


def read_credentials(authorization: str) -> Credentials:
    """The credentials in an Authorization header, which is empty for an anonymous call.

    Unreadable credentials are not anonymous: a user who sends a secret has to hear that it did
    not arrive.
    """
    scheme, _, value = authorization.strip().replace("\t", " ").partition(" ")
    match scheme.lower():
        case "":
            return ANONYMOUS
        case "basic":
            return _basic(value.strip())
        case "bearer":
            return Bearer(value.strip())
        case "token":
            return Anonymous("token")
        case _:
            return Anonymous("other")


def _basic(value: str) -> Credentials:
    try:
        raw = b64decode(value, validate=True)
    except ValueError:
        return Basic("", "")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    user, colon, secret = text.partition(":")
    if not secret and user:
        return Basic("", "")  # the text may be the secret, so it must not become a name
    # v1 scripts use `curl -u "$USER:$SECRET"` with both unset for public repositories.
    return Anonymous("basic") if colon and not user and not secret else Basic(user, secret)


class Secrets:
    """The secrets that were sent lately, to be masked in texts from upstream.

    A server may repeat a secret in its error text, plain or encoded for a URL, JSON or HTML. What
    looks like a token is masked even if nobody here sent it.
    """

    def __init__(self) -> None:
        """Begin without secrets."""
        self.own: frozenset[str] = frozenset()  # the forms of the bridge's own secrets
        self._sent: LRUCache[Credentials, frozenset[str]] = LRUCache(_MOST_SECRETS)
        self._harmless: LRUCache[str, bool] = LRUCache(_MOST_TEXTS)
        """Texts without any of these; the message for an absent tag is always the same."""

    def keep(self, own: Credentials) -> None:
        """Always mask the secrets in these credentials, which are the bridge's own."""
        self.own |= forms_of(own)

    def remember(self, sent: Credentials) -> None:
        """Mask the secrets in these credentials while they are among the last ones sent."""
        if not isinstance(sent, Anonymous) and self._sent.get(sent) is None:
            long = (form for form in forms_of(sent) if len(form) >= _UNMISTAKABLE)
            self._sent[sent] = frozenset(long)
            self._harmless.clear()

    def masked(self, text: str, *given: Credentials) -> str:
        """`text` without secrets; `given` are the credentials of its own call."""
        known = [self.own, forms_of(*given)]
        if not self._harmless.get(text):
            readings, of_others = _readings(text), tuple(self._sent.values())
            self._harmless[text] = not any(_has_any(readings, forms) for forms in of_others)
            known += () if self._harmless[text] else of_others
        found = (form for forms in known for form in forms if form in text)
        for form in sorted(found, key=len, reverse=True):
            text = text.replace(form, MASK)
        encoded = _readings(text) - {text}
        if encoded and any(_has_any(encoded, forms) for forms in known):
            return MASK
        return _LOOKS_SECRET.sub(MASK, text)


def repeats(text: str, forms: Iterable[str]) -> bool:
    """Whether a text has one of these forms of a secret, encoded or not."""
    return _has_any(_readings(text), forms)


def forms_of(*given: Credentials) -> frozenset[str]:
    """The forms that the secrets in these credentials may have in a decoded text."""
    texts = {text for credentials in given for text in _secret_texts(credentials) if text}
    raw = [text.encode("utf-8", "surrogateescape") for text in texts]
    coded = {encode(each) for each in raw for encode in (b64encode, urlsafe_b64encode)}
    return frozenset(texts.union(each.decode().rstrip("=") for each in coded))


def _secret_texts(credentials: Credentials) -> tuple[str, ...]:
    match credentials:
        case Basic(user, secret):
            return secret, f"{user}:{secret}"
        case Bearer(token):
            return (token,)
    return ()


def _has_any(texts: Iterable[str], forms: Iterable[str]) -> bool:
    return any(form in text for text in texts for form in forms)


def _readings(text: str) -> set[str]:
    """A text and what it decodes to once or twice, if it is encoded for a URL, HTML or JSON."""
    readings = {text}
    for _ in range(2):
        decoders = (unquote, unquote_plus, html.unescape, _unescaped)
        readings |= {decode(reading) for reading in readings for decode in decoders}
    return readings


def _unescaped(text: str) -> str:
    """A text without the backslash escapes of JSON or a programming language."""

    def meant(found: re.Match[str]) -> str:
        digits, char = found[1] or found[2], found[3]
        return chr(int(digits, 16)) if digits else _CONTROLS.get(char, char)

    plain = _ESCAPE.sub(meant, text)
    # JSON writes a character beyond the first 65,536 as two escapes.
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
