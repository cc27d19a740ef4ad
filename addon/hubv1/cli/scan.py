"""`scan`: find calls of v1 in files, and change them."""

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
from hubv1.report import ReportError, write
from hubv1.text import plainly, printable

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
"""The packages of the extra `scan`."""

_FILE = click.Path(path_type=Path)
_EPILOG = f"""\
Nothing in a scanned tree is ever run. A comment `hub-v1: ignore REASON` on the line of a call, or
on the line above, excludes the call.

Exit codes: 0 the files were scanned, whatever was found; 1 a PATH could not be read, or there was
no file at all; 2 the arguments are wrong; {FOUND} --fail-on found what it looks for.
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
    help="Leave out what matches this pattern of .gitignore. May be given several times.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help=f"Default: what the suffix of FILE stands for ({' '.join(SUFFIXES)}), else terminal.",
)
@click.option("-o", "--output", metavar="FILE", type=_FILE, help="Write to a file.")
@click.option("--fix", is_flag=True, help="Write the proven changes into the files.")
@click.option(
    "--prefer",
    type=click.Choice(("skopeo",)),
    help="Let changes to lists use skopeo if the script has jq; by default they use what it has.",
)
@click.option(
    "--fail-on",
    default="never",
    type=click.Choice(GATES),
    help=f"Gate: exit with {FOUND} if there is a call, a call without a fix, or a call that "
    "--baseline does not have. Default: never.",
)
@click.option(
    "--baseline",
    metavar="SCAN.json",
    type=_FILE,
    help="Earlier JSON scan, to tell what is new.",
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

    PATH is a file, or a folder to read with everything below except what .gitignore names.
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
    except (ReportError, JournalError) as error:
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
        say(f"{source.summary(found)} {source.coverage_in_words(found.coverage)}")
    return _ending(found, fail_on, source.found_by_gate(source.Gate(fail_on), found, earlier))


def _load() -> ModuleType:
    """The package that scans; raises Failure if a package that it needs is missing."""
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
    coverage = found.coverage
    for path in coverage.unreadable:
        say(f"{path} cannot be read.")
    if coverage.unreadable or not coverage.files:
        if not coverage.unreadable:
            say("there is no file to scan.")
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
    if is_bytes and output is None and sys.stdout.isatty():  # for eyes; git takes the bytes
        lines = text.encode("latin-1").decode("utf-8", "backslashreplace").splitlines()
        text, is_bytes = "".join(f"{printable(line)}\n" for line in lines), False
    try:
        write([text], output, "latin-1" if is_bytes else "utf-8")
    except OSError as error:
        place = output or "standard output"
        raise Failure(f"{place} cannot be written: {plainly(error)}.") from error
