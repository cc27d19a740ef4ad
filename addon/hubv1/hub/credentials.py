"""What a call is made with: nobody's name, a user's secret, or a token. And how to keep them out
of texts."""

import html
import json
import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from cachetools import LRUCache

LONGEST_SECRET = 8_192
"""Characters. A token of Hub's has about 1,500; what is longer is none."""

MASK = "***"
"""What is shown in the place of a secret."""

_TOKEN = re.compile(r"[\w.~+/-]+=*", re.ASCII)
_MOST_SECRETS = 2_000
_UNMISTAKABLE = 8
"""Characters from which on a secret of somebody else is masked too: a short one may be a word."""
_BACKSLASH = re.compile(r"\\(?=[\W])")
_ESCAPE = re.compile(r"%[0-9A-F]{2}")
_LOOKS_SECRET = re.compile(
    r"dckr_[a-z]+_[\w-]+"  # Docker's own access tokens
    r"|\beyJ[\w-]{5,}\.[\w.-]*"  # a JSON web token, perhaps cut
    r"|(?i:(?<=\bbearer )|(?<=\bbasic ))[\w.~+/%-]{8,}=*"
)


@dataclass(frozen=True, slots=True)
class Anonymous:
    """Nobody in particular, whichever way that was said."""

    kind: str = field(default="none", compare=False)
    """`token` for v1's own `Authorization: Token …`, which nobody can check any more; `basic`
    where both user and secret are empty; `other` for a scheme that v1 did not have."""

    user: str = field(default="", init=False)


@dataclass(frozen=True, slots=True)
class Basic:
    """A user name and a secret, which Hub exchanges for a token."""

    user: str
    secret: str = field(repr=False)

    @property
    def kind(self) -> str:
        """The word for it in the journal."""
        return "basic"

    @property
    def is_possible(self) -> bool:
        """Whether asking Hub can be worth it."""
        return bool(self.user and self.secret) and len(self.user + self.secret) <= LONGEST_SECRET


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token that the caller has from Hub."""

    token: str = field(repr=False)

    user: str = field(default="", init=False)

    @property
    def kind(self) -> str:
        """The word for it in the journal."""
        return "bearer"

    @property
    def is_possible(self) -> bool:
        """Whether this can be a token at all, and part of a request."""
        return len(self.token) <= LONGEST_SECRET and _TOKEN.fullmatch(self.token) is not None


Credentials = Anonymous | Basic | Bearer

ANONYMOUS = Anonymous()


def read_credentials(authorization: str) -> Credentials:
    """The credentials in an Authorization header, empty where the call had none.

    What cannot be read is not taken for nothing: a user who sends a secret has to hear that it
    did not arrive.
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
        return Basic("", "")  # the one text may be the secret, so it is not taken for a name
    # `curl -u "$USER:$SECRET"` with both unset: v1 scripts have it, for public repositories.
    return Anonymous("basic") if colon and not user and not secret else Basic(user, secret)


class Secrets:
    """The secrets that were sent of late, so that no text may repeat them.

    An upstream server may write what it was sent into its error text, as it came or encoded for
    a URL, JSON or HTML. What looks like a token is masked even if nobody here sent it.
    """

    def __init__(self) -> None:
        """No secrets yet."""
        self.own: frozenset[str] = frozenset()
        """The forms of the bridge's own secrets."""
        self._sent: LRUCache[Credentials, frozenset[str]] = LRUCache(_MOST_SECRETS)

    def keep(self, own: Credentials) -> None:
        """Mask the secrets in these credentials for good: they are the bridge's own."""
        self.own |= forms_of(own)

    def remember(self, sent: Credentials) -> None:
        """Mask the secrets in these credentials for as long as they are among the last sent."""
        if self._sent.get(sent) is None:
            self._sent[sent] = frozenset(
                form for form in forms_of(sent) if len(form) >= _UNMISTAKABLE
            )

    def masked(self, text: str, *given: Credentials) -> str:
        """`text` without any secret; `given` are those that were sent for its own call."""
        if not text:
            return text
        known = self.own.union(forms_of(*given), *self._sent.values())
        for form in sorted((form for form in known if form in text), key=len, reverse=True):
            text = text.replace(form, MASK)
        # In an encoding that nobody thought of, or in two of them.
        if any(form in decoded for decoded in _decoded(text) for form in known):
            return MASK
        return _LOOKS_SECRET.sub(MASK, text)


def pair_of(given: Basic) -> str:
    """User and secret as an Authorization header has them."""
    return b64encode(f"{given.user}:{given.secret}".encode()).decode()


def forms_of(*given: Credentials) -> frozenset[str]:
    """The ways in which a text may have what is secret in these credentials."""
    texts = {text for credentials in given for text in _secret_texts(credentials) if text}
    return frozenset(form for text in texts for form in (text, *_encoded(text)))


def _decoded(text: str) -> Iterator[str]:
    """What a text may mean, if that is another."""
    readings = {unquote(text), unquote_plus(text), html.unescape(text), _BACKSLASH.sub("", text)}
    yield from readings - {text}


def _secret_texts(credentials: Credentials) -> tuple[str, ...]:
    match credentials:
        case Basic(user, secret):
            return secret, f"{user}:{secret}"
        case Bearer(token):
            return (token,)
    return ()


def _encoded(text: str) -> Iterator[str]:
    raw = text.encode("utf-8", "surrogateescape")
    for quoted in (quote(raw), quote(raw, safe=""), quote_plus(raw)):
        yield quoted
        yield _ESCAPE.sub(lambda found: found[0].lower(), quoted)
    yield from (json.dumps(text)[1:-1], html.escape(text), repr(text)[1:-1])
    for encode in (b64encode, urlsafe_b64encode):
        coded = encode(raw).decode()
        yield from (coded, coded.rstrip("="), quote(coded, safe=""))
