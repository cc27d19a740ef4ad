"""Entries that wait to be written, and telling those who wait for it."""

import asyncio
import contextlib
import queue
from collections.abc import Sequence
from dataclasses import dataclass

from hubv1.journal.entry import Entry
from hubv1.journal.losses import NotRecorded

_MOST_AT_ONCE = 500


@dataclass(slots=True)
class Waiting:
    """An entry to be written."""

    entry: Entry
    done: asyncio.Future[None] | None
    """None where nobody waits."""


Queue = queue.SimpleQueue[Waiting | None]
"""None is the last in it."""


def next_batch(waiting: Queue, seconds: float) -> tuple[list[Waiting], bool]:
    """Everything that waits within that time, and whether it is the last."""
    batch: list[Waiting] = []
    with contextlib.suppress(queue.Empty):
        one = waiting.get(timeout=seconds)
        while one is not None:
            batch.append(one)
            if len(batch) == _MOST_AT_ONCE:
                return batch, False
            one = waiting.get_nowait()
        return batch, True
    return batch, False


def tell(batch: Sequence[Waiting], error: NotRecorded | None) -> None:
    """Wake all who wait for the batch, in their own thread and with one call for all."""
    futures = [waiting.done for waiting in batch if waiting.done is not None]
    if futures:
        # A loop that is closed has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            futures[0].get_loop().call_soon_threadsafe(_settle, futures, error)


def _settle(futures: Sequence[asyncio.Future[None]], error: NotRecorded | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
            error = NotRecorded(str(error), first=False)
