"""Asking the stand-in over real HTTP."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from standin import Standin

DEBIAN = "/v2/namespaces/library/repositories/debian/tags"
APP = "/v2/namespaces/acme/repositories/app/tags"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def names(self) -> list[str]:
        return [tag["name"] for tag in self.json["results"]]


def ask(
    url: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    payload: object = None,
    trust: Path | None = None,
    wait: float = 10,
) -> Answer:
    """One request on a connection of its own; follows nothing, raises for no status."""
    parts = urlsplit(url)
    connection = (
        http.client.HTTPSConnection(
            parts.netloc, timeout=wait, context=ssl.create_default_context(cafile=trust)
        )
        if parts.scheme == "https"
        else http.client.HTTPConnection(parts.netloc, timeout=wait)
    )
    body = None if payload is None else json.dumps(payload).encode()
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body, headers or {})
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(user: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()}


def log_in(hub: Standin, user: str = "acme", secret: str = "secret") -> Answer:
    login = {"identifier": user, "secret": secret}
    return ask(hub.url + "/v2/auth/token", "POST", payload=login)
