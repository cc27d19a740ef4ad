"""Moments as people give them: a date, a time, or a span back from now."""

import re
from datetime import UTC, date, datetime, time, timedelta

_SPAN = re.compile(r"(\d{1,6})([mhdw])", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


def begin_of(text: str, now: datetime) -> datetime:
    """The first moment of a period that begins with `text`: at the beginning of an hour, UTC.

    A date alone is its whole day, a time without a zone is in UTC. Raises ValueError.
    """
    return _on_the_hour(_read(text, now))


def end_of(text: str, now: datetime) -> datetime:
    """The moment after the last of a period that ends with `text`, likewise."""
    moment = _read(text, now)
    if _is_date(text):
        return moment + _DAY
    whole = _on_the_hour(moment)
    return whole if whole == moment else whole + _HOUR


def _read(text: str, now: datetime) -> datetime:
    try:
        return _moment(text.strip(), now)
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"{text!r} is neither a time such as 2026-03-01 or 2026-03-01T12:00:00Z nor a span "
            "such as 30m, 24h, 7d or 2w"
        ) from error


def _moment(text: str, now: datetime) -> datetime:
    span = _SPAN.fullmatch(text)
    if span is not None:
        return now - timedelta(**{_UNITS[span[2]]: int(span[1])})
    if _is_date(text):
        moment = datetime.combine(date.fromisoformat(text), time(), UTC)
    else:
        moment = datetime.fromisoformat(text)
        # Without a zone Python would take it for the time of wherever this runs.
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    _ = moment - _DAY, moment + 2 * _DAY  # what is reckoned with it must be possible too
    return moment


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text.strip())
    except ValueError:
        return False
    return True


def _on_the_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
