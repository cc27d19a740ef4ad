"""What a call is made with: nobody's name, a user's secret, or a token."""

import re
from base64 import b64decode
from dataclasses import dataclass, field

LONGEST_SECRET = 8_192
"""Characters. A token of Hub's has about 1,500; what is longer is none."""

_TOKEN = re.compile(r"[\w.~+/-]+=*", re.ASCII)


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
