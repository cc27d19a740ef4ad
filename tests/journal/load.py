"""`python -m journal.load PATH CALLS AT_ONCE`: a process that records calls under load.

The id of each call that is on disk goes to standard output, in a write of its own; or `lost`.
"""

import asyncio
import os
import sys
from datetime import UTC, datetime
from random import Random

from hubv1.journal import Journal, Location, NotRecorded
from samples import make_entry

_CHOICE = Random()  # noqa: S311  # no secret


async def _call(journal: Journal) -> None:
    entry = make_entry(
        caller=f"caller {_CHOICE.randrange(20)}",
        repository=f"r{_CHOICE.randrange(20)}",
        started_at=datetime.now(UTC),
        bridge_id=f"bridge-{os.getpid()}",
    )
    try:
        await journal.record(entry)
    except NotRecorded:
        os.write(1, b"lost\n")
    else:
        os.write(1, f"{entry.id}\n".encode())


async def _calls(journal: Journal, number: int) -> None:
    for _ in range(number):
        await _call(journal)


async def _load(journal: Journal, number: int, at_once: int) -> None:
    await asyncio.gather(*(_calls(journal, number // at_once) for _ in range(at_once)))


def main(path: str, number: str, at_once: str) -> None:
    journal = Journal(Location(path), f"bridge-{os.getpid()}")
    asyncio.run(_load(journal, int(number), int(at_once)))
    journal.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
