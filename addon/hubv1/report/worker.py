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
from hubv1.report.build import build
from hubv1.report.render import render_report
from hubv1.report.writing import write_whole

_MEGABYTES = 512
"""Memory that a report may take: one of half a million callers needs as much."""


def main(arguments: Sequence[str]) -> None:
    """Write the report of a journal to files, and say of each on standard output what became of it.

    `arguments` are the niceness of the process, the journal, the token of temporary files, and the
    files. Each line of the output is a JSON list: the number of the file, and why it could not be
    written or an empty text.
    """
    niceness, journal, token, *paths = arguments
    os.nice(int(niceness))
    limit = _MEGABYTES << 20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    gc.disable()  # nothing here is a cycle, and looking for some takes a third of the time
    try:
        with read(Place(journal)) as history:
            report = build([history], datetime.now(UTC))
    except (JournalError, OSError, MemoryError) as error:
        for at in range(len(paths)):
            _tell(at, error)
        return
    for at, path in enumerate(map(Path, paths)):
        try:
            write_whole(render_report(report, format_of(path)), path, token)
        except (OSError, MemoryError) as error:
            _tell(at, error)
        else:
            _tell(at, None)


def _tell(at: int, error: Exception | None) -> None:
    trouble = str(error) if error else ""
    if isinstance(error, MemoryError):
        trouble = f"it takes more than {_MEGABYTES} MB of memory"
    sys.stdout.write(json.dumps([at, trouble]) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
