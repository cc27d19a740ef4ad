"""What is shipped at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from hubv1.journal import Entry
from hubv1.journal.statements import Row


@dataclass(frozen=True, slots=True)
class Parcel:
    """Rows of a journal that the fleet may not have yet."""

    entries: Sequence[Entry]
    gaps: Sequence[Row]
    seen: Sequence[Row]
    rejections: Sequence[Row]
    """Whole rows of the tables of these names, as they were when they were read."""

    def __bool__(self) -> bool:
        """Whether there is anything in it."""
        return bool(self.entries or self.gaps or self.seen or self.rejections)

    @property
    def ids(self) -> list[str]:
        """Those of calls and gaps."""
        return [*(entry.id for entry in self.entries), *(row[0] for row in self.gaps)]

    @property
    def changing(self) -> tuple[Sequence[Row], ...]:
        """Rows of the tables whose rows change, in the order in which these are named."""
        return self.seen, self.rejections
