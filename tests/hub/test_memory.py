"""Large answers: bounded for all calls together, and for each piece that is decoded."""

import asyncio
import json
import threading
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given as for_all
from hypothesis import strategies as st

from hub.gate import PATIENCE, until
from hubv1.calls import Limits
from hubv1.hub import http
from hubv1.hub.http import LONG_BYTES, PIECE_BYTES, SHORT_BYTES, decoded
from standin import Standin, bodies, faults
from standin.rules import Proceed
from visitors import V1, Visitors, asked, played

ENDLESS = Limits(10 * PATIENCE)
WINDOWS = [16 + zlib.MAX_WBITS, zlib.MAX_WBITS]
"""Those of gzip and of deflate."""
CODINGS = ["gzip", "deflate", "br", "zstd"]
TAG = {"name": "1", "id": 1}


def padded(size: int) -> bytes:
    """The one tag, in so many bytes."""
    text = json.dumps(TAG | {"more": ""})
    return json.dumps(TAG | {"more": "x" * (size - len(text))}).encode()


class Halfway:
    """Sends all but the end of an answer, and that only when it is told to."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.begun = 0
        self.may_end = threading.Event()

    async def __call__(self, request: web.Request, proceed: Proceed) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = len(self.body)
        await response.prepare(request)
        await response.write(self.body[:-1])
        self.begun += 1
        await until(self.may_end.is_set)
        await response.write(self.body[-1:])
        return response


def play(hub: Standin, playing: Callable[[Visitors], Awaitable[Any]]) -> Any:
    hub.catalog.add_rule("some/", 3)
    return played(hub, playing, terms=ENDLESS)


def path(number: int) -> str:
    return f"{V1}/some/r{number}/tags/1"


@pytest.mark.parametrize(
    ("size", "place"), [(SHORT_BYTES + 1_000, "MOST_LONG"), (LONG_BYTES + 1_000, "MOST_HUGE")]
)
def test_of_large_answers_only_some_are_in_memory_and_the_others_wait_for_them(
    hub: Standin, monkeypatch: pytest.MonkeyPatch, size: int, place: str
) -> None:
    monkeypatch.setattr(http, "MOST_LONG", 100)
    monkeypatch.setattr(http, place, 2)
    slow = Halfway(padded(size))
    hub.faults.add(r"/r[0-4]/", slow)
    hub.faults.add(r"/r5/", faults.status(200, padded(size)))

    async def playing(visitors: Visitors) -> None:
        holding = [asyncio.ensure_future(visitors.ask(path(number))) for number in range(2)]
        await until(lambda: slow.begun == 2)
        visitors.terms = Limits(0.5)
        late = await visitors.ask(path(5))
        assert (late.answer.status, late.error_type) == (502, "unreachable")
        assert (await visitors.ask(path(6))).answer.status == 404, "one that is small need not wait"
        visitors.terms = ENDLESS
        waits = asyncio.ensure_future(visitors.ask(path(5)))
        slow.may_end.set()
        async with asyncio.timeout(PATIENCE):
            results = await asyncio.gather(*holding, waits)
        assert [result.answer.status for result in results] == [200] * 3

    play(hub, playing)


def test_one_repository_does_not_take_up_all_memory(
    hub: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "MOST_LONG", 8)
    slow = Halfway(padded(SHORT_BYTES + 1_000))
    hub.faults.add("/repositories/one/", slow)
    hub.faults.add("/repositories/other/", faults.status(200, slow.body))

    async def playing(visitors: Visitors) -> None:
        holding = [
            asyncio.ensure_future(visitors.ask(f"{V1}/some/one/tags/{number}"))
            for number in range(20)
        ]
        await until(lambda: slow.begun >= 2)
        async with asyncio.timeout(PATIENCE):
            result = await visitors.ask(f"{V1}/some/other/tags/1")
        assert result.answer.status == 200
        slow.may_end.set()
        await asyncio.gather(*holding)

    play(hub, playing)


def test_what_a_list_takes_is_given_back_once_it_is_answered(
    hub: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "MOST_LONG", 2)
    hub.catalog.add("some/list", [f"{'x' * 100}-{number}" for number in range(3_000)])

    async def often(visitors: Visitors) -> list[str]:
        async with asyncio.timeout(PATIENCE):
            return [(await visitors.ask(f"{V1}/some/list/tags")).source for _ in range(5)]

    assert play(hub, often) == ["registry"] * 5


@pytest.mark.parametrize("status", [200, 403, 404])
@pytest.mark.parametrize("coding", CODINGS)
def test_a_bomb_in_any_coding_is_an_error_and_leaves_nothing_behind(
    hub: Standin, coding: str, status: int
) -> None:
    async def bombed(request: web.Request, proceed: Proceed) -> web.StreamResponse:
        response = await bodies.bomb(64, coding)(request, proceed)
        response.set_status(status)
        return response

    hub.faults.add("/some/", bombed)

    async def often(visitors: Visitors) -> set[int]:
        results = [await visitors.ask(path(number)) for number in range(http.MOST_LONG + 4)]
        return {result.answer.status for result in results}

    statuses = play(hub, often)
    is_decoded = coding in ("gzip", "deflate")
    assert statuses == ({502} if is_decoded or status == 200 else {status})


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", "x"])
def test_a_coding_that_nobody_asked_for_is_said_to_be_one(hub: Standin, coding: str) -> None:
    hub.faults.add("/debian/", faults.status(200, TAG, {"Content-Encoding": coding}))
    result = asked(hub, f"{V1}/debian/tags/1")
    assert (result.answer.status, result.error_type) == (502, "nonsense")
    assert "was not asked for" in result.error


@pytest.mark.parametrize("coding", ["br", "zstd", "x"])
@pytest.mark.parametrize("status", [401, 404])
def test_a_status_is_understood_whatever_its_body_is(
    hub: Standin, coding: str, status: int
) -> None:
    hub.faults.add("/debian/", faults.status(status, b"x", {"Content-Encoding": coding}))
    assert asked(hub, f"{V1}/debian/tags/1").answer.status == status


class TestDecoding:
    @for_all(st.binary(max_size=2_000), st.sampled_from(WINDOWS), st.integers(1, 50))
    def test_gives_back_what_was_encoded_however_it_arrives(
        self, data: bytes, window: int, step: int
    ) -> None:
        encoded = encode(data, window)
        stream = zlib.decompressobj(32 + zlib.MAX_WBITS)
        chunks = [encoded[at : at + step] for at in range(0, len(encoded), step)]
        assert b"".join(piece for chunk in chunks for piece in decoded(chunk, stream)) == data

    @pytest.mark.parametrize("size", [PIECE_BYTES, 20_000_000])
    def test_never_gives_more_at_once_than_a_piece(self, size: int) -> None:
        stream = zlib.decompressobj(32 + zlib.MAX_WBITS)
        sizes = [len(piece) for piece in decoded(encode(b" " * size, 31), stream)]
        assert sum(sizes) == size
        assert max(sizes) <= PIECE_BYTES


def encode(data: bytes, window: int) -> bytes:
    packer = zlib.compressobj(wbits=window)
    return packer.compress(data) + packer.flush()
