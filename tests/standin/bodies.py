"""More that can go wrong: how the bytes of an answer travel. See faults.py."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import import_module

from aiohttp import web
from mitmproxy.net.encoding import encode_zstd

from .faults import close_connection
from .rules import Action, BadFault, Proceed
from .state import STATE

BLOCK = b" " * 1_000_000
GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
NOTHING = b'{"count":0,"next":null,"previous":null,"results":[]}'
ENCODERS: dict[str, Callable[..., bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "deflate": zlib.compress,
    "br": import_module("brotli").compress,  # it has types in some versions, in others none
    "zstd": encode_zstd,  # by whichever package this mitmproxy brings along
}


def encoded(coding: str) -> Action:
    """The answer in that content coding, wanted or not."""
    if coding not in ENCODERS:
        raise BadFault(f"encoding {coding!r} is none of {', '.join(ENCODERS)}")

    async def act(request: web.Request, proceed: Proceed) -> web.StreamResponse:
        response = await _whole(proceed)
        response.body = ENCODERS[coding](_content(response))
        response.headers["Content-Encoding"] = coding
        return response

    return act


def bomb(megabytes: int = 64, coding: str = "gzip") -> Action:
    """A small answer that unpacks to so many million blanks before it turns out to be JSON."""
    if coding not in ENCODERS:
        raise BadFault(f"encoding {coding!r} is none of {', '.join(ENCODERS)}")

    async def act(request: web.Request, proceed: Proceed) -> web.StreamResponse:
        headers = {"Content-Encoding": coding, "Content-Type": "application/json"}
        return web.Response(body=_blanks(megabytes, coding), headers=headers)

    return act


def cut(share: float = 0.5) -> Action:
    """That share of the body, then the end of the connection; Content-Length promised it all."""

    async def act(request: web.Request, proceed: Proceed) -> web.StreamResponse:
        response = await _whole(proceed)
        body = _content(response)
        await _send(request, response, [body[: int(len(body) * share)]])
        return close_connection(request)

    return act


def drip(seconds: float, pieces: int = 10) -> Action:
    """The body in so many pieces, that time from one to the next: no read ever waits long."""

    async def act(request: web.Request, proceed: Proceed) -> web.StreamResponse:
        response = await _whole(proceed)
        body = _content(response)
        size = len(body) // pieces + 1
        parts = [body[start : start + size] for start in range(0, len(body), size)]
        return await _send(request, response, parts, seconds)

    return act


async def _send(
    request: web.Request, like: web.Response, parts: list[bytes], seconds: float = 0.0
) -> web.StreamResponse:
    """Answers as `like` would, its length included, with these parts of its body."""
    stream = web.StreamResponse(status=like.status, headers=like.headers)
    stream.content_length = len(_content(like))
    await stream.prepare(request)
    for part in parts:
        await stream.write(part)
        if seconds:
            await request.app[STATE].pause(seconds)
    return stream


async def _whole(proceed: Proceed) -> web.Response:
    response = await proceed()
    assert isinstance(response, web.Response), "this answer is on its way already"
    return response


def _content(response: web.Response) -> bytes:
    assert response.body is None or isinstance(response.body, bytes)
    return response.body or b""


@lru_cache(maxsize=8)
def _blanks(megabytes: int, coding: str = "gzip") -> bytes:
    if coding == "gzip":
        return b"".join(_compressed(megabytes))
    effort = {"quality": 4} if coding == "br" else {}
    return ENCODERS[coding](BLOCK * megabytes + NOTHING, **effort)


def _compressed(megabytes: int) -> Iterator[bytes]:
    """The same compressed block again and again, as gzip wants it: packed once, however many."""
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    block = packer.compress(BLOCK) + packer.flush(zlib.Z_FULL_FLUSH)
    yield GZIP_HEADER
    checksum = 0
    for _ in range(megabytes):
        checksum = zlib.crc32(BLOCK, checksum)
        yield block
    yield packer.compress(NOTHING) + packer.flush()
    size = megabytes * len(BLOCK) + len(NOTHING)
    yield struct.pack("<II", zlib.crc32(NOTHING, checksum), size & 0xFFFFFFFF)
