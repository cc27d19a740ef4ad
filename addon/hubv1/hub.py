"""The Hub client: complete API v2 values, or a failure that says why not. Knows nothing of v1."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TypeVar

import aiohttp
import msgspec
from yarl import URL

from hubv1 import v2
from hubv1.failures import (
    Forbidden,
    HubFailure,
    Incomplete,
    Loop,
    Nonsense,
    NotFound,
    RateLimited,
    Unauthorized,
    Unreachable,
)
from hubv1.names import Repository
from hubv1.texts import bounded

PAGE_SIZE = 100
"""Tags on a page: the most that Hub gives, whatever is asked for."""
MOST_PAGES = 1_000
MOST_BODY_BYTES = 16 * 1024 * 1024
"""Of one answer, decompressed. A page of 100 tags has about 150 kB."""
READINGS = 3
"""How often a list that changes under the reader's hands is read again."""
UNNAMED_WAIT = 60
"""Seconds to wait after a 429 that does not say how long."""

_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip, deflate"}
_EARLIEST_UNIX_TIME = 1_000_000_000
"""Smaller numbers in X-Retry-After are taken for seconds."""

_REFUSALS = {401: Unauthorized, 403: Forbidden, 404: NotFound}

_Value = TypeVar("_Value")
_PageDecoder = Callable[[bytes], v2.Page[v2.Item]]


@dataclass(slots=True)
class Effort:
    """What one call has cost so far; filled in while it is under way."""

    upstream_calls: int = 0


class HubClient:
    """Reads repositories through API v2.

    Every method raises a `HubFailure` where it cannot give a complete and well-formed answer,
    and leaves how long to wait for one to its caller.
    """

    def __init__(self, url: str, via: str, user_agent: str) -> None:
        """`url` is where API v2 is; `via` is the bridge's own entry for the Via header."""
        self._url = url.rstrip("/")
        self._via = via
        self._headers = {**_HEADERS, "Via": via, "User-Agent": user_agent}
        self._session: aiohttp.ClientSession | None = None

    async def tag(self, repository: Repository, tag: str, effort: Effort) -> v2.Tag:
        """One tag of a repository."""
        body = await self._get(f"{_path(repository)}/{tag}", effort)
        return _decoded(v2.read_tag, body)

    async def tags(self, repository: Repository, effort: Effort) -> list[v2.Tag]:
        """All tags of a repository, each once, in no particular order."""
        return await self._all(repository, v2.read_tags, effort)

    async def tag_names(self, repository: Repository, effort: Effort) -> list[str]:
        """The names of all tags of a repository, each once, in no particular order."""
        return [tag.name for tag in await self._all(repository, v2.read_names, effort)]

    async def close(self) -> None:
        """Close the connections; the client opens new ones if it is used again."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _all(
        self, repository: Repository, decoder: _PageDecoder[v2.Item], effort: Effort
    ) -> list[v2.Item]:
        for _ in range(READINGS):
            tags = await self._read_through(repository, decoder, effort)
            if tags is not None:
                return tags
        raise Incomplete(f"the tags of {repository} never added up to the count that Hub gives")

    async def _read_through(
        self, repository: Repository, decoder: _PageDecoder[v2.Item], effort: Effort
    ) -> list[v2.Item] | None:
        """All tags, or None where the list changed so that some may have been missed.

        When a tag is deleted meanwhile, those behind it move up, perhaps onto a page that was
        read already. The falling count shows it.
        """
        found: dict[str, v2.Item] = {}
        count = 0
        for number in range(1, MOST_PAGES + 1):
            body = await self._page(repository, number, effort)
            page = None if body is None else _decoded(decoder, body)
            if not page or page.count < count:
                return None
            count = page.count
            found.update((tag.name, tag) for tag in page.results)
            if page.next is None:
                return list(found.values()) if len(found) >= count else None
        raise Incomplete(f"{repository} has more than {MOST_PAGES * PAGE_SIZE} tags")

    async def _page(self, repository: Repository, number: int, effort: Effort) -> bytes | None:
        """Body of one page of tags, or None past the end of the list."""
        path = f"{_path(repository)}?page_size={PAGE_SIZE}&page={number}"
        try:
            return await self._get(path, effort)
        except NotFound:
            if number == 1:
                raise
            return None
        except Forbidden as refusal:
            # Which offset is too far for an anonymous caller is not documented, so the refusal
            # itself is what counts: the beginning could be read, the rest could not.
            if number == 1:
                raise
            raise Incomplete(
                f"Docker Hub gives the first {(number - 1) * PAGE_SIZE} tags of {repository} to "
                f"anonymous callers and refuses the rest ({refusal})"
            ) from refusal

    async def _get(self, path: str, effort: Effort) -> bytes:
        """Body of a 200 answer; every other end is a failure."""
        effort.upstream_calls += 1
        try:
            # Redirects are never followed: Hub documents none, so one would lead elsewhere.
            async with self._opened().get(
                URL(self._url + path, encoded=True), allow_redirects=False
            ) as response:
                body = await _read_bounded(response.content)
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"no answer from {self._url}: {_in_words(error)}") from error
        if response.status == 200:
            return body
        raise self._failure(response.status, response.headers, body)

    def _opened(self) -> aiohttp.ClientSession:
        # Made on first use, since it belongs to the event loop that runs by then.
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                # How long a caller waits is for `answer_call` to say.
                timeout=aiohttp.ClientTimeout(total=None),
            )
        return self._session

    def _failure(self, status: int, headers: Mapping[str, str], body: bytes) -> HubFailure:
        said = bounded(_message(body)) or f"status {status}"
        if status in _REFUSALS:
            return _REFUSALS[status](said)
        if status == 429:
            return RateLimited(_seconds_to_wait(headers))
        if status == 508 and self._via in headers.get("Via", ""):
            return Loop(f"{self._url} leads back to this bridge")
        if status >= 500:
            return Unreachable(f"Docker Hub answered {status}")
        return Nonsense(f"Docker Hub answered {status}, which API v2 does not document")


def _path(repository: Repository) -> str:
    return f"/v2/namespaces/{repository.namespace}/repositories/{repository.name}/tags"


async def _read_bounded(content: aiohttp.StreamReader) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in content.iter_any():
        size += len(chunk)
        if size > MOST_BODY_BYTES:
            raise Nonsense(f"Docker Hub sent more than {MOST_BODY_BYTES} bytes in one answer")
        chunks.append(chunk)
    return b"".join(chunks)


def _decoded(decoder: Callable[[bytes], _Value], body: bytes) -> _Value:
    try:
        return decoder(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Nonsense(f"Docker Hub answered 200, but not with API v2: {error}") from error


def _message(body: bytes) -> str:
    try:
        return v2.read_trouble(body).message
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _seconds_to_wait(headers: Mapping[str, str]) -> int:
    """Hub's X-Retry-After is a unix time, by Hub's clock and not ours."""
    try:
        until = float(headers.get("X-Retry-After") or headers.get("Retry-After", ""))
    except ValueError:
        return UNNAMED_WAIT
    if math.isnan(until):
        return UNNAMED_WAIT
    if until < _EARLIEST_UNIX_TIME:
        return _within_a_day(until)
    return _within_a_day(until - _their_time(headers))


def _within_a_day(seconds: float) -> int:
    return math.ceil(min(max(seconds, 1), 86_400))


def _their_time(headers: Mapping[str, str]) -> float:
    """Unix time by the clock of the server, else by ours."""
    try:
        return parsedate_to_datetime(headers["Date"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        return time.time()


def _in_words(error: Exception) -> str:
    return str(error) or type(error).__name__
