"""Moments as a report writes them; all are UTC."""

from datetime import datetime


def rfc3339(moment: datetime) -> str:
    """For programs, to the second: `2026-03-01T12:30:15Z`."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def minute(moment: datetime) -> str:
    """For people: `2026-03-01 12:30`."""
    return f"{moment:%Y-%m-%d %H:%M}"
