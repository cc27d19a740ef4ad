"""Opening a recording, wherever it comes from, and finding the flows in it."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader, FileIO, RawIOBase
from pathlib import Path
from typing import Any

from mitmproxy import http
from mitmproxy.io import FlowReader

from hubv1.mitm.har import Odd, Other, har_flows

STANDARD_INPUT = Path("-")
_BYTES_AT_ONCE = 1 << 16
_GZIP = b"\x1f\x8b"
_HAR = (b"{", b"\xef\xbb\xbf{")

Advance = Callable[[int], None]
"""Hears of each so many bytes that were read."""


@contextmanager
def opened(path: Path, advance: Advance) -> Iterator[BufferedReader]:
    """The content of the recording, unpacked; `-` is standard input. Raises OSError."""
    with FileIO(0, closefd=False) if path == STANDARD_INPUT else FileIO(path) as file:
        content: BufferedReader = BufferedReader(_Watched(file, advance), _BYTES_AT_ONCE)
        if content.peek(2).startswith(_GZIP):
            content = BufferedReader(gzip.GzipFile(fileobj=content))
        yield content


def flows_in(content: BufferedReader) -> Iterator[http.HTTPFlow | Other | Odd | None]:
    """The flows of HTTP, in full where they may be v1 calls; what cannot be read; None for any
    other flow.

    Raises HarError and FlowReadException, and what mitmproxy lets through of broken data.
    """
    if content.peek(4).startswith(_HAR):
        yield from har_flows(content.read())
        return
    for flow in FlowReader(content).stream():
        yield flow if isinstance(flow, http.HTTPFlow) else None


class _Watched(RawIOBase):
    """A file whose reading somebody follows."""

    def __init__(self, file: FileIO, advance: Advance) -> None:
        self._file = file
        self._advance = advance

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401  # has no name in Python 3.11
        count = self._file.readinto(buffer)
        self._advance(count or 0)
        return count
