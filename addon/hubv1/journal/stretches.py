"""A period, cut into what each table of counts can tell exactly."""

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple


class Stretch(NamedTuple):
    """A part of a period, and which table of counts tells it exactly."""

    by_day: bool
    """Else by the hour, and within one day."""
    begin: datetime | None
    end: datetime | None

    @property
    def day(self) -> date:
        """The day that a stretch by the hour is in."""
        assert self.begin is not None  # noqa: S101  # what stretches promises
        return self.begin.date()


def stretches(since: datetime | None, until: datetime | None) -> list[Stretch]:
    """The whole days of a period, and the hours of those that it cuts."""
    first = since and _midnight(since + timedelta(days=1) - timedelta.resolution)
    last = until and _midnight(until)
    if first and last and first > last:
        return [Stretch(by_day=False, begin=since, end=until)]
    found = []
    if first and since != first:
        found.append(Stretch(by_day=False, begin=since, end=first))
    if not first or first != last:
        found.append(Stretch(by_day=True, begin=first, end=last))
    if last and last != until:
        found.append(Stretch(by_day=False, begin=last, end=until))
    return found


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.astimezone(UTC).date(), time(), UTC)
