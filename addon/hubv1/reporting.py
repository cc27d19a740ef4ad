"""Reports that the bridge itself makes of its journal: on demand, and when it ends.

A report is made by a process beside the bridge, one at a time, and within a time. The few lines of
a summary come from a few rows of the journal, however many callers it has, and are read by a thread
that nobody waits for longer than is said.
"""

import asyncio
import json
import logging
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from mitmproxy.log import ALERT

from hubv1.journal import JournalError, Place, read
from hubv1.text import number

logger = logging.getLogger(__name__)

END_SECONDS = 1.0
"""How long the bridge's end may take for the summary alone: it ends within two seconds then."""
END_SECONDS_WITH_FILES = 6.5
"""The same where files are to be written: Docker kills what has not ended ten seconds after it was
told to, and the journal is closed before, the rest of mitmproxy after."""

_SUMMARY_SECONDS = 30.0
_REPORT_SECONDS = 300.0
"""On demand, while calls are answered."""

_ENDED = "the bridge ended before it was made"
_MARGIN = 0.2
"""Seconds until nobody waits any longer for a thread that should have ended by itself."""

_ADDON = Path(__file__).parents[1]
_T = TypeVar("_T")


class Reporter:
    """Makes reports while the bridge goes on answering, and the last ones at its end."""

    def __init__(self) -> None:
        """Idle."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()

    def write(self, place: Place, path: Path) -> None:
        """Begin to write the report there, and log when it is done."""
        self._begin(self._write_in_turn(place, path))

    def summarise(self, place: Place) -> None:
        """Begin to log the report in a few lines, the state in the console's status bar too."""
        self._begin(_log_summary(place, ALERT, _SUMMARY_SECONDS))

    async def end(self, place: Place, flows: int, paths: Sequence[Path]) -> None:
        """Log the last summary and write the reports that were asked for, in a bounded time.

        `flows` is how many there were in this run; the report is of all that the journal has.
        """
        seconds = END_SECONDS_WITH_FILES if paths or self._tasks else END_SECONDS
        intro = f"{number(flows, 'flow')} in this run. The journal {place} has:"
        works = [_log_summary(place, logging.INFO, seconds, intro), self._stop(seconds)]
        if paths:
            works.append(_write(place, paths, seconds, "soon"))
        await asyncio.gather(*works)

    async def _write_in_turn(self, place: Place, path: Path) -> None:
        is_begun = False
        try:
            async with self._turn:
                is_begun = True
                await _write(place, [path], _REPORT_SECONDS, "whole")
        except asyncio.CancelledError:
            if not is_begun:
                _log_left(place, path, "", _ENDED)
            raise

    async def _stop(self, seconds: float) -> None:
        """Wait for what was begun, and give up what takes longer."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _write(place: Place, paths: Sequence[Path], seconds: float, how: str) -> None:
    """Have the report written to these files, and log of each what became of it.

    `how` is for the worker.
    """
    token = uuid4().hex
    reason = _ENDED
    left = dict.fromkeys(range(len(paths)), "")
    """What is missing of the files that are not whole, by their numbers; empty for all of it."""
    reasons: dict[int, str] = {}
    try:
        async with asyncio.timeout(seconds), _worker(how, place, token, paths) as told:
            async for line in told:
                at, missing, trouble = json.loads(line)
                if missing:
                    left[at] = missing
                elif trouble and left[at]:
                    reasons[at] = trouble
                else:
                    del left[at]
                    _log_written(paths[at], trouble)
        reason = "the process that makes it failed"
    except TimeoutError:
        reason = f"{seconds:g} seconds were not enough"
    except OSError as error:
        reason = str(error)
    finally:
        for at, missing in left.items():
            _forget(paths[at], token)
            _log_left(place, paths[at], missing, reasons.get(at, reason))


def _log_written(path: Path, trouble: str) -> None:
    if trouble:
        _complain(trouble)
    else:
        logger.info("hub v1: the report is in %s", path)


def _log_left(place: Place, path: Path, missing: str, reason: str) -> None:
    by_hand = f"{_program()} --journal {place} -o {path}"
    if missing:
        text = "hub v1: the report is in %s; it has %s, since %s. %s tells all apart."
        logger.warning(text, path, missing, reason, by_hand)
    else:
        _complain(f"{path} was not written, since {reason}. {by_hand} writes it.")


@asynccontextmanager
async def _worker(
    how: str, place: Place, token: str, paths: Sequence[Path]
) -> AsyncIterator[asyncio.StreamReader]:
    """What the process says that makes reports; it ends with the context at the latest."""
    folders = filter(None, [str(_ADDON), os.environ.get("PYTHONPATH")])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "hubv1.report.worker"),
        *(how, str(place.file or place), token, *map(str, paths)),
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


async def _log_summary(place: Place, level: int, seconds: float, intro: str = "") -> None:
    # The report is no part of the bridge before somebody asks for it.
    from hubv1.report import SUMMARY_CALLERS, build_report, summary  # noqa: PLC0415  # see above

    def lines_of() -> list[str]:
        with read(place, named=SUMMARY_CALLERS, seconds=seconds) as history:
            return [*summary(build_report([history], datetime.now(UTC)))]

    try:
        async with asyncio.timeout(seconds + _MARGIN):
            lines = await _in_daemon(lines_of)
    except (JournalError, OSError) as error:
        _complain(str(error))
    except TimeoutError:
        _complain(f"The journal {place} cannot be read in {seconds:g} seconds.")
    else:
        if intro:
            logger.info("hub v1: %s", intro)
        for at, line in enumerate(lines):
            logger.log(logging.INFO if at else level, "hub v1: %s%s", "  " * bool(at), line)


async def _in_daemon(work: Callable[[], _T]) -> _T:
    """What `work` returns, in a thread that keeps nobody from ending, however long it waits."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_T] = loop.create_future()

    def settle(set_it: Callable[[Any], None], value: object) -> None:
        if not future.done():
            set_it(value)

    def working() -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001  # whatever it is, whoever waits gets it
            told: tuple[Callable[[Any], None], object] = future.set_exception, error
        else:
            told = future.set_result, result
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, *told)

    threading.Thread(target=working, name="hub-v1-summary", daemon=True).start()
    return await future


def _forget(path: Path, token: str) -> None:
    from hubv1.report import temporary_file  # noqa: PLC0415  # as in _log_summary

    temporary_file(path, token).unlink(missing_ok=True)


def _program() -> str:
    from hubv1.report import report_command  # noqa: PLC0415  # as in _log_summary

    return report_command()


def _complain(reason: str) -> None:
    logger.error("hub v1: there is no report: %s", reason)
