"""`mitmdump -s in_memory.py`: the bridge with a journal that keeps its rows in memory.

The product has no such journal, for it would record nothing. It is what recording is measured
against: all else is done, the making of the row included.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hubv1.journal import CallRecord, Location

sys.path.insert(0, str(Path(__file__).parents[2] / "addon"))

addons = importlib.import_module("bridge").addons
_journal = importlib.import_module("hubv1.journal")
_components = importlib.import_module("hubv1.components")


class MemoryJournal:
    """As much of `hubv1.journal.Journal` as a bridge uses."""

    def __init__(self, location: Location, _bridge_id: str, _days: int) -> None:
        """Nothing is opened."""
        self.location = location
        self.seen = _journal.Seen()
        self.waiting = self.lost = 0
        self.rows: list[list[object]] = []

    async def record(self, entry: CallRecord, *, is_required: bool) -> None:  # its name
        """Keep the row."""
        self.record_unawaited(entry)

    def record_unawaited(self, entry: CallRecord) -> None:
        """Keep it too."""
        self.rows.append(entry.row())

    def keep_for(self, _days: int) -> None:
        """Nothing gets old here."""

    def close(self) -> None:
        """Nothing is open."""


vars(_components)["Journal"] = MemoryJournal
