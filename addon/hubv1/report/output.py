"""Where a report goes: as text of a format, to a file, or to standard output and whoever reads it.

Renderers are loaded when somebody asks for them: each needs a library that the others do without.
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
"""Those that show a table of findings whose columns can be chosen."""

_SECONDS = 2.0
"""Whoever waits no longer needs no progress bar."""

_ONLY_BESIDE = (errno.EACCES, errno.EPERM, errno.EBUSY, errno.EROFS, errno.ENOENT)
"""Reasons why no file can be made beside another or take its name, as in a container that has but
the file itself of its host; that one may still be writable."""

_IN_MEMORY = 16 << 20
"""Bytes of a report that are kept there until it is whole; a longer one is in a file meanwhile."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a report is to look: with these columns of findings, if any, in place of all else; as
    wide as a terminal, if there is one."""

    columns: Sequence[str] = ()
    width: int | None = None
    fail_on: FailOn = FailOn.NEVER
    """What `junit` shows as a failure."""
    color: bool = False
    in_ascii: bool = False


PLAIN = Look()


def look_for(form: str, output: Path | None, columns: Sequence[str]) -> Look:
    """How a report of that format is to look in that file; None is for standard output as it is.

    Raises ValueError if columns were chosen and the format has none to choose.
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


def render_report(report: Report, form: str, look: Look = PLAIN) -> Iterable[str]:
    """The report in the format of that name, which is one of FORMATS, text by text."""
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

        return [as_junit(report, look.fail_on)]
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
    """Write the texts, one after the other, to that file, or to standard output for None.

    By default a file is in UTF-8, and standard output as the terminal has it. Raises OSError.
    """
    if output is not None:
        write_whole(texts, output, encoding=encoding or "utf-8")
        return
    if isinstance(sys.stdout, TextIOWrapper):
        # What an old terminal cannot show is replaced, not a reason to show nothing.
        sys.stdout.reconfigure(encoding=encoding, errors="replace")
    try:
        sys.stdout.writelines(texts)
        sys.stdout.flush()
    except OSError as error:
        # Python flushes once more at its end, and must not fail then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        # A reader that has read enough, as head does, is no failure of the report.
        if not isinstance(error, BrokenPipeError):
            raise


def write_whole(texts: Iterable[str], path: Path, token: str = "", encoding: str = "utf-8") -> None:
    """Write the file so that nobody ever sees half of it. Raises OSError.

    Its mode is that of the file that was there, or what the umask says. A device, a pipe or a
    folder in which nothing can be made leave no other way than to write to what is there.
    `token` is for `temporary_file`.
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
    """The file beside that one in which its new content grows."""
    target = path.resolve()
    return target.with_name(f".{target.name[:100]}.{token}")


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    source.seek(0)
    copyfileobj(source, target)


@contextmanager
def reading_progress(recordings: Sequence[Path]) -> Iterator[Callable[[int], None]]:
    """Show a bar while the context lasts; what that yields hears of each so many bytes read.

    Nothing is shown if standard error is no terminal. Journals are read all at once, so that the
    bar only tells that somebody is at work.
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
