"""Answers in Hub's style, and how a handler leaves off with one."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aiohttp import web

from . import uncertain


class Refused(Exception):
    """Ends the handling of a request with this answer; no error, so not named one."""

    def __init__(self, response: web.Response) -> None:
        super().__init__(response.status)
        self.response = response


def reply(
    payload: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """JSON as Hub writes it: one line, no spaces."""
    return raw_reply(json.dumps(payload, separators=(",", ":")), status, headers)


def raw_reply(
    text: str, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Text that is JSON already."""
    return web.Response(
        body=text.encode(), status=status, headers=headers, content_type="application/json"
    )


def no_such_page() -> web.Response:
    """What Hub says of a path that is no route, the retired `…/images` included."""
    return reply({"message": "404: Page Not Found"}, 404)


def no_such_object(**info: str) -> web.Response:
    """What Hub says of a repository, tag or page that is not there or not to be seen."""
    return reply({"message": "httperror 404: object not found", "errinfo": info}, 404)


def retired() -> web.Response:
    """What a retired v1 route answers."""
    return web.Response(
        body=uncertain.RETIRED_BODY.encode(),
        status=uncertain.RETIRED_STATUS,
        headers=uncertain.RETIRED_HEADERS,
    )
