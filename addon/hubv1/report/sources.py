"""From the arguments of the command to a report: its sources, and the selection of calls."""

import re
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from shutil import copyfileobj
from tempfile import NamedTemporaryFile

from hubv1.api.names import OFFICIAL_NAMESPACE
from hubv1.api.routes import LEGACY_HOSTS, Outcome
from hubv1.journal import FILE_NAME, History, Location, Selection, read_all
from hubv1.report.allowlist import Allowlist, read_allowlist
from hubv1.report.build import build_report, on_the_hour
from hubv1.report.compare import Earlier, compared, read_baseline
from hubv1.report.input_file import ReportError
from hubv1.report.known import complete_names, known_names, silent_callers, unknown_names
from hubv1.report.model import Progress, Report, State
from hubv1.report.owners import read_owners, teams_of
from hubv1.report.proof_file import read_proofs, with_proofs

DEFAULT_JOURNAL = f"~/.mitmproxy/{FILE_NAME}"
"""The journal of a bridge for which neither hub_journal nor confdir is set."""

STANDARD_INPUT = Path("-")
"""The path that stands for standard input."""

_SPAN = re.compile(r"(\d{1,6})([mhdw])", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


def report_from(
    options: Namespace,
    now: datetime,
    say: Callable[[str], None],
    advance: Callable[[int], None] = lambda _: None,
) -> Report:
    """The report that the arguments of the command ask for, as of `now` (UTC).

    `say` hears warnings about the sources, some of them twice where these are read twice, and
    `advance` how many more bytes of recordings were read. Raises JournalError, ReportError and
    OSError.
    """
    selection = selection_of(options, now)
    earlier = read_baseline(options.baseline, selection) if options.baseline else None
    allowed = read_allowlist(options.ignore, now.date()) if options.ignore else Allowlist()
    journals = options.journal or ([] if options.captures else [DEFAULT_JOURNAL])
    with _rereadable(options.captures or (), selection) as captures:

        def read(wanted: Selection, heard: Callable[[int], None] = lambda _: None) -> Report:
            accepted = tuple(entry.caller for entry in allowed.in_force)
            wanted = replace(wanted, accepted=accepted)
            with _read_sources(
                journals, captures, wanted, say, heard, legacy_hosts=selection.hosts
            ) as histories:
                return build_report(histories, now, wanted, allowed.in_force)

        report = whole = _with_known_names(
            selection, read, read(selection, advance), earlier, allowed, say=say
        )
        if earlier and selection.since:
            whole = read(replace(selection, since=None))
    owners = read_owners(options.owners) if options.owners else ()
    report = replace(report, teams=teams_of(report, owners)) if owners else report
    report = with_proofs(report, read_proofs(journals, options.proof or (), say))
    ignored = [one.caller for one in report.ignored]
    for line in allowed.warnings(ignored):
        say(f"{options.ignore}: {line}")
    if earlier is None:
        return report
    callers = [use.caller for use in report.callers]
    comparison = compared(earlier, callers, ignored)
    moved = (
        use.caller
        for use in whole.callers
        if use.progress is Progress.MOVED and use.moves_at > earlier.generated_at
    )
    return replace(report, baseline=replace(comparison, moved=tuple(sorted(moved))))


def _with_known_names(
    selection: Selection,
    read: Callable[[Selection], Report],
    report: Report,
    earlier: Earlier | None,
    allowed: Allowlist,
    *,
    say: Callable[[str], None],
) -> Report:
    """The report, or that of the callers that the selection names by a part of their name.

    Raises UnknownNameError if a filter names nothing in any period.
    """
    if not any(unknown_names(selection, known_names([report]))):
        return report
    every = read(Selection())
    if every.state is State.NOTHING_SEEN:
        return report
    known = known_names([report, every], earlier)
    accepted = [entry.caller for entry in allowed.in_force + allowed.ended]
    complete = complete_names(selection, known, accepted, every)
    if complete != selection:
        report = replace(read(complete), filter=report.filter)
    for line in silent_callers(complete, report, every):
        say(line)
    return report


@contextmanager
def _rereadable(captures: Sequence[Path], selection: Selection) -> Iterator[Sequence[Path]]:
    """The recordings, with a copy of standard input if they may have to be read twice."""
    if STANDARD_INPUT not in captures or not selection.has_names:
        yield captures
        return
    with NamedTemporaryFile(prefix="standard-input-") as file:
        copyfileobj(sys.stdin.buffer, file)
        file.flush()
        yield [Path(file.name) if path == STANDARD_INPUT else path for path in captures]


@contextmanager
def _read_sources(
    journals: Sequence[str],
    captures: Sequence[Path],
    selection: Selection,
    say: Callable[[str], None],
    advance: Callable[[int], None],
    *,
    legacy_hosts: Sequence[str],
) -> Iterator[list[History]]:
    """The histories of journals, and of recordings without the calls that are in a journal.

    `say` hears of journals that share calls, which are counted once. `legacy_hosts` count as
    legacy hosts in recordings, too.
    """
    # A journal that is named twice, by a link perhaps, is read once.
    locations = {location.key: location for location in map(Location, journals)}
    with read_all([*locations.values()], selection, say) as written:

        def known(id_: str) -> bool:
            return any(journal.has(id_) for journal in written)

        if not captures:
            yield written
            return
        # Journals alone need nothing of mitmproxy, which takes longer to load than most to read.
        from hubv1.captures import Capture, CaptureError, read_capture  # noqa: PLC0415  # see above

        hosts, told = {*LEGACY_HOSTS, *legacy_hosts}, set[str]()
        recorded = [
            read_capture(Capture(path, hosts, selection, told, known, advance)) for path in captures
        ]
        try:
            yield [*written, *recorded]
        except CaptureError as error:  # whoever names no recording need not know that class
            raise ReportError(str(error)) from error


def selection_of(options: Namespace, now: datetime) -> Selection:
    """The selection that the options describe, as of `now`. Raises ValueError."""
    since = hours_of(options.since, now)[0] if options.since else None
    until = hours_of(options.until, now)[1] if options.until else None
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


def _full_name(repository: str) -> str:
    """The name with its namespace: `library/debian` for `debian`."""
    is_short = {*repository}.isdisjoint("/*?[")
    return f"{OFFICIAL_NAMESPACE}/{repository}" if is_short else repository


def hours_of(text: str, now: datetime) -> tuple[datetime, datetime]:
    """The beginning and end of the hour or day, UTC, that a text such as `7d` stands for.

    A date means its whole day, and a time without a zone is in UTC. Raises ValueError.
    """
    text, day = text.strip(), None
    span = _SPAN.fullmatch(text)
    with suppress(ValueError):
        day = date.fromisoformat(text)
    try:
        if span is not None:
            moment = now - timedelta(**{_UNITS[span[2]]: int(span[1])})
        else:
            moment = datetime.combine(day, time()) if day else datetime.fromisoformat(text)
            # Without a zone, Python would take it for local time.
            moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
        _ = moment - _DAY, moment + 2 * _DAY  # sums with it must be possible, too
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"{text!r} is neither a time such as 2026-03-01 or 2026-03-01T12:00:00Z nor a span "
            "such as 30m, 24h, 7d or 2w"
        ) from error
    begin = on_the_hour(moment)
    if day:
        return begin, begin + _DAY
    return begin, begin if begin == moment else begin + _HOUR
