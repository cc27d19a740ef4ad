"""An answer that is kept, in memory that goes back to the system with it.

What a process frees among other things stays with it: where long answers give way to many short
ones, it would come to hold twice the room that they have. A long body has memory of its own.
"""

from dataclasses import replace
from mmap import mmap

from hubv1.calls import Result

LONG_BYTES = 64 * 1024
"""Where a body is long: a mapping takes whole pages and a few microseconds."""


class Kept:
    """An answer and when it was given, by the monotonic clock; `size` is what it is taken for."""

    __slots__ = ("_body", "_result", "at", "size")

    def __init__(self, result: Result, at: float, size: int) -> None:
        """Takes the body out of a result with a long one."""
        body = result.answer.body
        self.at = at
        self.size = size
        self._body: mmap | None = None
        self._result = result
        if len(body) >= LONG_BYTES:
            self._body = mmap(-1, len(body))
            self._body.write(body)
            self._result = _with_body(result, b"")

    @property
    def result(self) -> Result:
        """The answer as it was."""
        return self._result if self._body is None else _with_body(self._result, self._body[:])


def _with_body(result: Result, body: bytes) -> Result:
    return replace(result, answer=replace(result.answer, body=body))
