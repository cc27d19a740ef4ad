"""The output of a report: rendered in a format, and written to a file or to standard output.

A renderer is loaded when it is needed: each needs a library that the others do without.
"""

import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from shutil import copyfileobj, get_terminal_size
from tempfile import SpooledTemporaryFile
from threading import Timer
from typing import IO
from uuid import uuid4

from hubv1.report.compare import FailOn
from hubv1.report.model import Report

FORMATS = ("terminal", "html", "md", "summary", "json", "csv", "junit")
WITH_COLUMNS = ("terminal", "md", "csv")
"""Formats with a table of findings whose columns can be chosen."""

_SECONDS = 2.0
"""A shorter wait needs no progress bar."""

_ONLY_BESIDE = (errno.EACCES, errno.EPERM, errno.EBUSY, errno.EROFS, errno.ENOENT)
"""Errors after which the file itself may still be writable, although none can be made beside it or
take its name, as in a container that has only this file of its host."""

_IN_MEMORY = 16 << 20
"""Bytes of an unfinished report that are kept in memory; a longer one goes to a temporary file."""


@dataclass(frozen=True, slots=True)
class Look:
    """How to show a report: only a table with these columns, if any were chosen; as wide as the
    terminal, if there is one."""

    columns: Sequence[str] = ()
    width: int | None = None
    color: bool = False
    in_ascii: bool = False


PLAIN = Look()


def look_for(form: str, output: Path | None, columns: Sequence[str]) -> Look:
    """How to show a report of that format in that file, or on standard output for None.

    Raises ValueError if columns were chosen for a format without them.
    """
    if columns and form not in WITH_COLUMNS:
        raise ValueError(f"--columns is for {', '.join(WITH_COLUMNS)}, not for {form}")
    if output is not None:
        return Look(columns)
    in_ascii = not _shows_blocks(sys.stdout.encoding)
    if not sys.stdout.isatty():
        return Look(columns, in_ascii=in_ascii)
    is_dumb = os.environ.get("TERM") == "dumb"
    width = get_terminal_size().columns
    return Look(columns, width, color=not is_dumb, in_ascii=in_ascii or is_dumb)


def render_report(
    report: Report, form: str, look: Look = PLAIN, fail_on: FailOn = FailOn.NEVER
) -> Iterable[str]:
    """The report in one of FORMATS, in pieces; `junit` shows as failures what the gate finds."""
    if form == "html":
        from hubv1.report.html import as_html  # noqa: PLC0415  # see above

        return [as_html(report)]
    if form in {"md", "summary"}:
        from hubv1.report import markdown  # noqa: PLC0415  # see above

        is_digest = report.baseline and report.filter.since and not look.columns
        if form == "md" and not is_digest:
            return [markdown.as_markdown(report, look.columns)]
        return [markdown.as_digest(report) if form == "md" else markdown.as_summary(report)]
    if form == "junit":
        from hubv1.report.junit import as_junit  # noqa: PLC0415  # see above

        return [as_junit(report, fail_on)]
    if form == "terminal":
        from hubv1.report.terminal import as_text  # noqa: PLC0415  # see above

        return [as_text(report, look)]
    from hubv1.report import data  # noqa: PLC0415  # see above

    return data.as_json(report) if form == "json" else data.as_csv(report, look.columns)


def _shows_blocks(encoding: str | None) -> bool:
    try:
        "\N{FULL BLOCK}".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def write(texts: Iterable[str], output: Path | None, encoding: str | None = None) -> None:
    """Write the texts to that file, or to standard output for None.

    The default is UTF-8 for a file, and the terminal's encoding for standard output. Raises
    OSError.
    """
    if output is not None:
        write_whole(texts, output, encoding=encoding or "utf-8")
        return
    if isinstance(sys.stdout, TextIOWrapper):
        # Replace what an old terminal cannot show.
        sys.stdout.reconfigure(encoding=encoding, errors="replace")
    try:
        sys.stdout.writelines(texts)
        sys.stdout.flush()
    except OSError as error:
        # Python flushes again when it exits, and must not fail then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        # A reader may stop early, as head does.
        if not isinstance(error, BrokenPipeError):
            raise


def write_whole(texts: Iterable[str], path: Path, token: str = "", encoding: str = "utf-8") -> None:
    """Write the file so that nobody ever sees half of it. Raises OSError.

    It keeps the mode of the file that it replaces; a new one has the mode of the umask. A device,
    a pipe, or a file in a folder that is not writable is written in place. `token` is for
    `temporary_file`.
    """
    target = path.resolve()  # a link goes on pointing to the file
    with SpooledTemporaryFile(_IN_MEMORY) as made:
        made.writelines(text.encode(encoding) for text in texts)
        if target.is_file() or not target.exists():
            new = temporary_file(target, token or uuid4().hex)
            try:
                with new.open("xb") as file:
                    if target.exists():
                        new.chmod(target.stat().st_mode)
                    _copy(made, file)
                new.replace(target)
            except OSError as error:
                if error.errno not in _ONLY_BESIDE:
                    raise
            else:
                return
            finally:
                new.unlink(missing_ok=True)
        with target.open("wb") as file:
            _copy(made, file)


def temporary_file(path: Path, token: str) -> Path:
    """The file beside that one to which its new content is written first."""
    target = path.resolve()
    return target.with_name(f".{target.name[:100]}.{token}")


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    source.seek(0)
    copyfileobj(source, target)


@contextmanager
def reading_progress(recordings: Sequence[Path]) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on a terminal; yields a function to call with each number of bytes read.

    Journals are read all at once, so for them the bar shows only that something happens.
    """
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda _: None
        return
    from rich import progress  # noqa: PLC0415  # see above
    from rich.console import Console  # noqa: PLC0415  # see above

    columns = progress.Progress.get_default_columns()
    bar = progress.Progress(*columns, console=Console(stderr=True), transient=True)
    are_files = recordings and all(path.is_file() for path in recordings)
    total = sum(path.stat().st_size for path in recordings) if are_files else None
    task = bar.add_task("Reading", total=total)
    timer = Timer(_SECONDS, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda count: bar.advance(task, count)
    finally:
        timer.cancel()
        timer.join()
        bar.stop()
