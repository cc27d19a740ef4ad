"""`scan`: from files to where v1 is called, and to the changes."""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import click

import hubv1
from hubv1.cli.main import DONE, FAILED, FOUND, Command, Failure, say, versions
from hubv1.journal import JournalError
from hubv1.text import printable

if TYPE_CHECKING:
    from hubv1.source import Scan

FORMATS = ("terminal", "json", "md", "diff", "sarif", "junit")
GATES = ("any", "unfixed", "new", "never")
SUFFIXES = {
    ".txt": "terminal",
    ".json": "json",
    ".md": "md",
    ".diff": "diff",
    ".patch": "diff",
    ".sarif": "sarif",
    ".xml": "junit",
}
EXTRA = ("tree_sitter", "tree_sitter_bash", "pathspec")
"""What the extra `scan` brings."""

_FILE = click.Path(path_type=Path)
_EPILOG = f"""\
Nothing of a scanned tree is ever run. A comment `hub-v1: ignore REASON` on the line of a call, or
on the one above, leaves it out.

Exit codes: 0 done, whatever was found; 1 something that was named could not be read, or
nothing was there to read; 2 the arguments are wrong; {FOUND} what --fail-on asks for is there.
"""


@click.command(
    cls=Command,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG,
    no_args_is_help=True,
)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=_FILE)
@click.option(
    "--journal",
    metavar="PATH-OR-URL",
    multiple=True,
    help="Journal to join with: who makes each call, how often. May be given several times.",
)
@click.option(
    "--report", metavar="REPORT.json", type=_FILE, help="JSON report to join with instead."
)
@click.option(
    "--exclude",
    metavar="PATTERN",
    multiple=True,
    help="Leave out what matches, as a line of .gitignore would; may be given several times.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help=f"Default: what the suffix of FILE stands for ({' '.join(SUFFIXES)}), else terminal.",
)
@click.option("-o", "--output", metavar="FILE", type=_FILE, help="Write there instead.")
@click.option("--fix", is_flag=True, help="Write the changes that are proven into the files.")
@click.option(
    "--prefer",
    type=click.Choice(("skopeo",)),
    help="Let changes to lists use skopeo where the script has jq; else they use what it has.",
)
@click.option(
    "--fail-on",
    default="never",
    type=click.Choice(GATES),
    help=f"Gate: exit code {FOUND} where there is a call, one without a fix, or one that "
    "--baseline does not have. Default: never.",
)
@click.option(
    "--baseline", metavar="SCAN.json", type=_FILE, help="Earlier JSON of a scan: tells what is new."
)
@click.version_option(hubv1.__version__, message=versions())
def scan(
    *,
    paths: Sequence[Path],
    journal: Sequence[str],
    report: Path | None,
    exclude: Sequence[str],
    form: str | None,
    output: Path | None,
    fix: bool,
    prefer: str | None,
    fail_on: str,
    baseline: Path | None,
) -> int:
    """Find where files call Docker Hub API v1, and say or write what to call instead.

    PATH is a file or a folder; a folder is read with all below, but for what .gitignore names.
    """
    if journal and report:
        raise click.UsageError("--journal and --report do not go together")
    if fail_on == "new" and baseline is None:
        raise click.UsageError("--fail-on new needs --baseline, to tell what is new")
    form = form or _format_of(output)
    source = _load()
    try:
        earlier = source.read_baseline(baseline) if baseline else None
        usages = source.read_report(report) if report else None
        usages = source.read_journals(journal, say) if journal else usages
        tree = source.Tree(paths, exclude, Path.cwd())
    except (source.InputError, JournalError) as error:
        raise Failure(str(error)) from error
    except ValueError as error:  # of a pattern
        raise click.UsageError(f"--exclude: {error}") from error
    found = source.scan_trees(tree, skopeo=prefer == "skopeo")
    if usages is not None:
        found.not_found = source.join(found.findings, usages)
    if fix:
        source.write_fixes(found, say)
    _write(source.render(found, form), output, is_bytes=form == "diff")
    if form != "terminal" or output is not None:
        say(f"{source.summary(found)} {source.what_was_looked_at(found.looked)}")
    return _ending(found, fail_on, source.found_by(source.Gate(fail_on), found, earlier))


def _load() -> ModuleType:
    """The room that scans; raises Failure where what it needs is not installed."""
    try:
        return import_module("hubv1.source")
    except ModuleNotFoundError as error:
        if error.name not in EXTRA:
            raise
        raise Failure(
            f"scan needs the Python package {error.name}: install hub-v1-bridge[scan], or the "
            "packages of requirements.txt."
        ) from error


def _ending(found: "Scan", fail_on: str, met: str) -> int:
    looked = found.looked
    for path in looked.unreadable:
        say(f"{path} cannot be read.")
    if looked.unreadable or not looked.files:
        if not looked.unreadable:
            say("there is no file to look at.")
        return FAILED
    if met:
        say(f"--fail-on {fail_on}: {met}.")
    return FOUND if met else DONE


def _format_of(output: Path | None) -> str:
    if output is None:
        return "terminal"
    form = SUFFIXES.get(output.suffix.lower())
    if form is None:
        raise click.UsageError(
            f"a scan's name ends in {', '.join(SUFFIXES)}, not as {output.name!r}; or give --format"
        )
    return form


def _write(text: str, output: Path | None, *, is_bytes: bool) -> None:
    data = text.encode("latin-1") if is_bytes else text.encode("utf-8", "backslashreplace")
    try:
        if output is not None:
            from hubv1.report import write_whole  # noqa: PLC0415  # slow to load

            write_whole([data.decode("latin-1")], output, encoding="latin-1")
            return
        if is_bytes and sys.stdout.isatty():  # for eyes; git takes bytes as they are
            lines = data.decode("utf-8", "backslashreplace").splitlines()
            data = "".join(f"{printable(line)}\n" for line in lines).encode()
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    except BrokenPipeError:  # who reads has read enough
        sys.stderr.close()
    except OSError as error:
        raise Failure(
            f"{output or 'standard output'} cannot be written: {error.strerror}."
        ) from error
