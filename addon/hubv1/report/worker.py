"""A report of the bridge's own, made in a process beside it.

What a large journal takes of memory and time is then not the bridge's: the memory goes with the
process, no call is held up, and the bridge can end it.
"""

import gc
import json
import os
import resource
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from hubv1.formats import format_of
from hubv1.journal import JournalError, Place, read
from hubv1.report.build import build_report
from hubv1.report.proof_file import read_proofs, with_proofs
from hubv1.report.prose import told_together
from hubv1.report.render import render_report
from hubv1.report.writing import write_whole

NAMED = 10_000
"""Callers that are told apart where there is little time, the latest: a journal names as many in a
day, and they take a second."""

_MEGABYTES = 512
"""Memory that a report may take: one of half a million callers needs as much."""


def main(arguments: Sequence[str]) -> None:
    """Write the report of a journal to files, and say on standard output what became of each.

    `arguments` are `soon` or `whole`, the journal, the token of temporary files, and the files.
    With `soon` a report of the latest callers stands first where the whole one follows. Each line
    of the output is a JSON list: the number of the file, what is still missing in it, and why it
    could not be written; either text is empty where there is no such thing.
    """
    how, journal, token, *paths = arguments
    if how == "whole":
        os.nice(10)  # calls are answered meanwhile
    limit = _MEGABYTES << 20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    gc.disable()  # nothing here is a cycle, and looking for some takes a third of the time
    files = [*map(Path, paths)]
    if how == "whole" or not write(Place(journal), files, token, NAMED):
        write(Place(journal), files, token)


def write(journal: Place, files: Sequence[Path], token: str, named: int | None = None) -> bool:
    """Write the report; with `named` only so many callers have a name in it.

    Returns whether nothing is left to do.
    """
    try:
        with read(journal, named=named) as history:
            report = build_report([history], datetime.now(UTC))
        report = with_proofs(report, read_proofs([str(journal)], ()))
    except (JournalError, OSError, MemoryError) as error:
        for at in range(len(files)):
            _tell(at, error)
        return True
    missing = told_together(report) if report.is_partial else ""
    for at, path in enumerate(files):
        try:
            write_whole(render_report(report, format_of(path)), path, token)
        except (OSError, MemoryError) as error:
            _tell(at, error)
        else:
            _tell(at, missing=missing)
    return not missing


def _tell(at: int, error: Exception | None = None, missing: str = "") -> None:
    trouble = str(error) if error else ""
    if isinstance(error, MemoryError):
        trouble = f"it takes more than {_MEGABYTES} MB of memory"
    sys.stdout.write(json.dumps([at, missing, trouble]) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
