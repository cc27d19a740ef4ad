"""Journals to ship, written by the journal's own code."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from hubv1.api.routes import Outcome
from hubv1.journal import CallRecord, Journal, Location
from samples import make_entry

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def some_calls(number: int, seed: int = 1, **changes: Any) -> list[CallRecord]:
    """Calls of a few callers within some hours; the same for the same seed but for their ids."""
    chance = Random(seed)  # noqa: S311  # no secret
    return [make_entry(**(_some_call(chance) | changes)) for _ in range(number)]


def _some_call(chance: Random) -> dict[str, Any]:
    return {
        "started_at": NOON + timedelta(seconds=chance.randrange(10_000)),
        "caller": f"caller {chance.randrange(5)}",
        "repository": chance.choice(("debian", "nginx", "")),
        "outcome": chance.choice((Outcome.TRANSLATED, Outcome.FAILED)),
        "credentials": chance.choice(("none", "basic")),
        "tags_listed": chance.choice((None, 5, 500)),
    }


def write(
    path: Path, entries: Iterable[CallRecord], flows: int = 0, bridge_id: str = "bridge-1"
) -> None:
    """Add these calls to a journal, as a bridge would that saw so many flows."""
    journal = Journal(Location(str(path)), bridge_id)
    journal.seen.flows = flows
    for entry in entries:
        journal.record_unawaited(entry)
    journal.close()
