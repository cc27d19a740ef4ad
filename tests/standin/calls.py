"""What the stand-in was asked: one Call for each request, from its arrival on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Hook = Callable[["Call"], None]


@dataclass
class Call:
    """One request. `path` is as received, with its query; header names are in lower case.

    `status` is None until the answer begins, and stays None where none was ever sent. `seconds`
    is when the request arrived, counted from the start of the stand-in.
    """

    listener: str
    method: str
    path: str
    headers: Mapping[str, str]
    peer: str
    peer_port: int
    seconds: float
    status: int | None = None


class Calls:
    """The latest calls, in the order of arrival; older ones are dropped beyond `kept`."""

    def __init__(self, kept: int) -> None:
        self._calls: deque[Call] = deque(maxlen=kept)
        self._hooks: tuple[Hook, ...] = ()

    @property
    def wanted(self) -> bool:
        """Whether anybody cares; benchmarks do not and are spared the making of a Call."""
        return self._calls.maxlen != 0 or bool(self._hooks)

    def arrive(self, call: Call) -> None:
        """Remembers the call, then runs the hooks, which may change what it will find."""
        self._calls.append(call)
        for hook in self._hooks:
            hook(call)

    def before_request(self, hook: Hook) -> Callable[[], None]:
        """Runs `hook` before each request is answered; returns a function that ends that."""
        self._hooks = (*self._hooks, hook)

        def remove() -> None:
            self._hooks = tuple(other for other in self._hooks if other is not hook)

        return remove

    def snapshot(self) -> list[Call]:
        return list(self._calls)

    def clear(self) -> None:
        self._calls.clear()
