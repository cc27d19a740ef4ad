"""Reports that the bridge itself makes of its journal: on demand, and when it ends.

A separate process makes one report at a time, within a time limit: a large journal takes no memory
of the bridge and holds up no call, and the bridge can kill the process. The few lines of a summary
need only a few rows of the journal, however many callers it has. When the bridge ends, and has
little time, it first writes a report that names the latest callers alone.

The package `report` is imported only when a report is made, not when the bridge starts.
"""

import asyncio
import gc
import json
import logging
import os
import resource
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from hubv1.journal import JournalError, Location, read
from hubv1.text import number, printable

logger = logging.getLogger(__name__)

SUFFIXES: Mapping[str, str] = {
    ".html": "html",
    ".md": "md",
    ".json": "json",
    ".csv": "csv",
    ".txt": "terminal",
    ".xml": "junit",
}
"""The format of a report by the suffix of its file."""

END_SECONDS = 1.0
"""How long the summary may take at the bridge's end, which then takes two seconds in all."""
END_SECONDS_WITH_FILES = 6.5
"""How long the reports may take at the bridge's end: Docker kills a process that has not ended in
ten seconds, during which the journal and the rest of mitmproxy are closed too."""

_ALERT = logging.INFO + 1
"""mitmproxy.log.ALERT, also shown in the console's status bar. Importing it would take the process
of a report longer than a small report."""
_SUMMARY_SECONDS = 30.0
_REPORT_SECONDS = 300.0  # on demand, while calls are answered
NAMED = 10_000
"""Callers that a report names when there is little time: as many as a day has, in a second."""
_MEGABYTES = 512  # of memory for a report, which suffices for half a million callers
_ENDED = "the bridge ended before it was made"
_ADDON = Path(__file__).parents[1]


def format_of(path: Path) -> str:
    """The format for the suffix of a file's name; raises ValueError."""
    form = SUFFIXES.get(path.suffix.lower())
    if form is None:
        raise ValueError(f"a report's name ends in {', '.join(SUFFIXES)}, unlike {path.name!r}")
    return form


class Reporter:
    """Makes reports while the bridge is running, and the last ones when it ends."""

    def __init__(self) -> None:
        """Begin without reports under way."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()

    def write(self, location: Location, path: Path) -> None:
        """Begin to write the report to a file, and log when it is done."""
        self._begin(_write(location, [path], _REPORT_SECONDS, self._turn))

    def summarise(self, location: Location) -> None:
        """Begin to log a summary, whose first line the console's status bar shows too."""
        self._begin(_log_summary(location, _ALERT, _SUMMARY_SECONDS))

    async def end(self, location: Location, flows: int, paths: Sequence[Path]) -> None:
        """Log the last summary and write the wanted reports, in a bounded time.

        `flows` is their number in this run; the report covers everything in the journal.
        """
        seconds = END_SECONDS_WITH_FILES if paths or self._tasks else END_SECONDS
        intro = f"{number(flows, 'flow')} in this run. The journal {location} has:"
        works = [_log_summary(location, logging.INFO, seconds, intro), self._stop(seconds)]
        if paths:
            works.append(_write(location, paths, seconds))
        await asyncio.gather(*works)

    async def _stop(self, seconds: float) -> None:
        """Wait for the reports under way, and cancel those that take longer."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _write(
    location: Location, paths: Sequence[Path], seconds: float, turn: asyncio.Lock | None = None
) -> None:
    """Write the report to these files, and log the result for each.

    With a `turn` to wait for, the bridge is still running, so there is more time.
    """
    from hubv1.report import temporary_file  # noqa: PLC0415  # see above

    token = uuid4().hex
    reason = _ENDED
    unfinished = dict.fromkeys(paths, "")
    """The content of each file that is not complete; empty if it was not written at all."""
    reasons: dict[Path, str] = {}
    try:
        async with (
            turn or asyncio.Lock(),
            asyncio.timeout(seconds),
            _worker(location, paths, token, nice=10 if turn else 0) as output,
        ):
            async for line in output:
                at, content, trouble = json.loads(line)
                path = paths[at]
                if content:
                    unfinished[path] = content
                elif trouble and unfinished.get(path):
                    reasons[path] = trouble
                else:
                    unfinished.pop(path, None)  # a file may be named twice
                    if trouble:
                        _log_failure(trouble)
                    else:
                        logger.info("hub v1: the report is in %s", path)
        reason = "the process that makes it failed"
    except TimeoutError:
        reason = f"{seconds:g} seconds were not enough"
    except OSError as error:
        reason = str(error)
    finally:
        for path, content in unfinished.items():
            temporary_file(path, token).unlink(missing_ok=True)
            _log_unfinished(location, path, content, reasons.get(path, reason))


def _log_unfinished(location: Location, path: Path, content: str, reason: str) -> None:
    from hubv1.report import report_command  # noqa: PLC0415  # see above

    command = f"{report_command()} --journal {location} -o {path}"
    if content:
        text = "hub v1: the report is in %s; it has %s, since %s. %s names all."
        logger.warning(text, path, content, reason, command)
    else:
        _log_failure(f"{path} was not written, since {reason}. {command} writes it.")


@asynccontextmanager
async def _worker(
    location: Location, paths: Sequence[Path], token: str, nice: int
) -> AsyncIterator[asyncio.StreamReader]:
    """Start the process that makes reports, and read its output; it is killed with the context."""
    folders = filter(None, [str(_ADDON), os.environ.get("PYTHONPATH")])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", __name__),
        *(str(nice), str(location.file or location), token, *map(str, paths)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(folders)},
        process_group=0,  # Ctrl-C in the terminal is for mitmproxy
    )
    assert process.stdout  # noqa: S101  # a pipe, see above
    try:
        yield process.stdout
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def make_report(nice: str, journal: str, token: str, *files: str) -> None:
    """Write the report of a journal to files; the main function of a process of its own.

    `nice` is "0" if there is little time: if the journal has more than NAMED callers, a report
    that names only the latest is written first. `token` is for temporary files.
    """
    os.nice(int(nice))
    limit = _MEGABYTES << 20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    gc.disable()  # a report has no cycles, and searching for them takes a third of the time
    if int(nice) or not write_report(journal, token, files, NAMED):
        write_report(journal, token, files)


def write_report(journal: str, token: str, files: Sequence[str], named: int | None = None) -> bool:
    """Write the report to each of the files; returns whether it is complete, or has failed.

    With `named` it names only that many callers. For each file, a line of JSON on standard output
    has its number, what the report has if it is incomplete, and why it could not be written.
    """
    from hubv1.report import (  # noqa: PLC0415  # see above
        build_report,
        named_in,
        read_proofs,
        render_report,
        with_proofs,
        write_whole,
    )

    try:
        with read(Location(journal), named=named) as history:
            report = build_report([history], datetime.now(UTC))
        report = with_proofs(report, read_proofs([journal]))
        content = named_in(report)
    except (JournalError, OSError, MemoryError) as error:
        for at in range(len(files)):
            _tell(at, error=error)
        return True
    for at, path in enumerate(map(Path, files)):
        try:
            write_whole(render_report(report, format_of(path)), path, token)
        except (OSError, MemoryError) as error:
            _tell(at, error=error)
        else:
            _tell(at, content)
    return not content


def _tell(at: int, content: str = "", error: Exception | None = None) -> None:
    trouble = printable(str(error)) if error else ""
    if isinstance(error, MemoryError):
        trouble = f"it takes more than {_MEGABYTES} MB of memory"
    sys.stdout.write(json.dumps([at, content, trouble]) + "\n")
    sys.stdout.flush()


def _log_failure(reason: str) -> None:
    logger.error("hub v1: there is no report: %s", reason)


async def _log_summary(location: Location, level: int, seconds: float, intro: str = "") -> None:
    from hubv1.report import SUMMARY_CALLERS, build_report, summary  # noqa: PLC0415  # see above

    def read_summary() -> list[str]:
        with read(location, named=SUMMARY_CALLERS, seconds=seconds) as history:
            return [*summary(build_report([history], datetime.now(UTC)))]

    try:
        lines = await asyncio.to_thread(read_summary)
    except (JournalError, OSError) as error:
        _log_failure(str(error))
        return
    if intro:
        logger.info("hub v1: %s", intro)
    for at, line in enumerate(lines):
        logger.log(logging.INFO if at else level, "hub v1: %s%s", "  " * bool(at), line)


if __name__ == "__main__":
    make_report(*sys.argv[1:])
