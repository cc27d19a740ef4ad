"""What the arguments want of the histories."""

from argparse import Namespace
from datetime import datetime

from hubv1.journal import Selection
from hubv1.names import OFFICIAL_NAMESPACE
from hubv1.outcome import Outcome
from hubv1.report.period import begin_of, end_of


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
        repositories=tuple(map(_full, options.repository or ())),
        outcomes=tuple(map(Outcome, options.outcome or ())),
    )


def _full(repository: str) -> str:
    """`debian` is `library/debian`, as it is to Docker."""
    is_short = {*repository}.isdisjoint("/*?[")
    return f"{OFFICIAL_NAMESPACE}/{repository}" if is_short else repository
