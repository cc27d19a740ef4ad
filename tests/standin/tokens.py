"""Bearer tokens that need no memory: the claims themselves, signed. Shaped like a JWT."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Claims:
    """What a token says. `exp`, when it ends, and `iat`, when it was issued, are the server's unix
    times, `pull` the repositories it opens (registry tokens alone), `account` "" for an anonymous
    one."""

    audience: str
    account: str
    iat: float
    exp: float
    pull: list[str] = field(default_factory=list)
    nonce: str = field(default_factory=lambda: secrets.token_hex(4))


class Mint:
    """Issues tokens and reads back its own."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def revoke_all(self) -> None:
        """Every token issued so far becomes garbage."""
        self._key = secrets.token_bytes(32)

    def issue(self, claims: Claims) -> str:
        header = _encode(b'{"alg":"HS256","typ":"JWT"}')
        signed = f"{header}.{_encode(json.dumps(asdict(claims)).encode())}"
        return f"{signed}.{self._signature(signed)}"

    def read(self, token: str, audience: str, now: float) -> Claims | None:
        """The claims of a valid token for that audience, None for any other text."""
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(signed).encode()):
            return None
        claims = Claims(**json.loads(_decode(signed.partition(".")[2])))
        return claims if claims.audience == audience and claims.exp > now else None

    def _signature(self, signed: str) -> str:
        return _encode(hmac.new(self._key, signed.encode(), hashlib.sha256).digest())


def basic_credentials(header: str) -> tuple[str, str] | None:
    """User and secret of an `Authorization: Basic …` header, None for any other."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user, secret) if colon else None


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
