"""What arguments want of the histories: names, and moments as people give them."""

import re
from argparse import Namespace
from datetime import UTC, date, datetime, time, timedelta

from hubv1.api.names import OFFICIAL_NAMESPACE
from hubv1.api.routes import Outcome
from hubv1.journal import Selection

_SPAN = re.compile(r"(\d{1,6})([mhdw])", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


def selection_of(options: Namespace, now: datetime) -> Selection:
    """What `options` want, with spans that go back from `now`. Raises ValueError."""
    since = begin_of(options.since, now) if options.since else None
    until = end_of(options.until, now) if options.until else None
    if since is not None and until is not None and since >= until:
        raise ValueError(f"no time is both since {options.since} and until {options.until}")
    return Selection(
        since=since,
        until=until,
        callers=tuple(options.caller or ()),
        hosts=tuple(options.host or ()),
        routes=tuple(options.route or ()),
        repositories=tuple(map(_full_name, options.repository or ())),
        outcomes=tuple(map(Outcome, options.outcome or ())),
    )


def begin_of(text: str, now: datetime) -> datetime:
    """The first moment of a period that begins with `text`: at the beginning of an hour, UTC.

    A date alone is its whole day, a time without a zone is in UTC. Raises ValueError.
    """
    return on_the_hour(_read(text, now))


def end_of(text: str, now: datetime) -> datetime:
    """The moment after the last of a period that ends with `text`, likewise."""
    moment = _read(text, now)
    if _is_date(text):
        return moment + _DAY
    whole = on_the_hour(moment)
    return whole if whole == moment else whole + _HOUR


def _full_name(repository: str) -> str:
    """`debian` is `library/debian`, as it is to Docker."""
    is_short = {*repository}.isdisjoint("/*?[")
    return f"{OFFICIAL_NAMESPACE}/{repository}" if is_short else repository


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


def on_the_hour(moment: datetime) -> datetime:
    """The beginning of the hour that the moment is in."""
    return moment.replace(minute=0, second=0, microsecond=0)
