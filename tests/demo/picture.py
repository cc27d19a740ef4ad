"""The demo on a terminal, as a moving picture: docs/demo.svg.

`PYTHONPATH=addon:tests python -m demo.picture` plays the demo and makes it anew.
"""

from __future__ import annotations

import fcntl
import html
import io
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from .stage import ROOT

PICTURE = ROOT / "docs" / "demo.svg"
COLUMNS, ROWS = 110, 32
PROGRAMS = "bash cat curl grep env jq node perl sed tail tr wc wget awk dirname realpath rm sort"
"""Everything that clients in the picture need, so that it shows the same ones everywhere."""
LINE = 24.4
"""The height of a line, in rich's SVG."""
_SECONDS_A_STEP = 1.6
_AT_THE_END = 5
"""How many steps the picture stays where it ends."""
_EDGE = 12

_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 WIDTH HEIGHT" xmlns="http://www.w3.org/2000/svg">
    <title>scripts/demo on a terminal</title>
    <style>
    .{unique_id}-matrix {{
        font-family: Fira Code, Menlo, Consolas, monospace;
        font-size: {char_height}px;
        line-height: {line_height}px;
    }}
    {styles}
    .{unique_id}-moving {{ animation: {unique_id}-moving SECONDSs step-end infinite; }}
    @keyframes {unique_id}-moving {{ STEPS }}
    </style>
    <defs>
    <clipPath id="{unique_id}-window"><rect width="{terminal_width}" height="SHOWN"/></clipPath>
    {lines}
    </defs>
    <rect fill="#0c0c0c" width="100%" height="100%" rx="8"/>
    <g transform="translate(EDGE, EDGE)" clip-path="url(#{unique_id}-window)">
    <g class="{unique_id}-moving">
    {backgrounds}
    <g class="{unique_id}-matrix">
    {matrix}
    </g>
    </g>
    </g>
</svg>
"""


def record(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """What a command writes to a terminal of that size; it has to end well."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    with subprocess.Popen(
        command, env=dict(environment), stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        said = bytearray()
        with suppress(OSError):  # the other end is closed
            while chunk := os.read(ours, 65536):
                said += chunk
        os.close(ours)
    text = said.decode().replace("\r\n", "\n")
    if process.returncode:
        raise RuntimeError(text)
    return text


def environment(folder: Path) -> dict[str, str]:
    """One in which only the programs of the picture are known; `folder` is for links to them."""
    for name in PROGRAMS.split():
        program = shutil.which(name)
        if program is None:
            raise FileNotFoundError(name)
        (folder / name).symlink_to(program)
    return {"PATH": str(folder), "HOME": str(folder), "TERM": "xterm-256color", "LANG": "C.UTF-8"}


def picture(said: str) -> str:
    """What was written, scrolling by from one client to the next."""
    console = Console(width=COLUMNS, record=True, file=io.StringIO())
    lines = Text.from_ansi("$ scripts/demo\n" + said.rstrip()).wrap(console, COLUMNS)
    console.print(Text("\n").join(lines), soft_wrap=True)
    stops = [*_stops([line.plain for line in lines])]
    steps = len(stops) + _AT_THE_END
    frames = " ".join(
        f"{100 * number / steps:.2f}% {{{{ transform: translateY(-{stop * LINE:.1f}px) }}}}"
        for number, stop in enumerate(stops)
    )
    shown = ROWS * LINE
    form = _FORMAT.replace("SECONDS", f"{steps * _SECONDS_A_STEP:.0f}").replace("STEPS", frames)
    width = COLUMNS * 12.2 + 2 * _EDGE
    form = form.replace("WIDTH", f"{width:.0f}").replace("HEIGHT", f"{shown + 2 * _EDGE:.0f}")
    form = form.replace("SHOWN", f"{shown:.1f}").replace("EDGE", str(_EDGE))
    svg = console.export_svg(code_format=form, theme=MONOKAI, unique_id="demo")
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE)


def words(svg: str) -> list[str]:
    """The lines of a picture, as text."""
    found: dict[float, list[tuple[float, str]]] = {}
    for x, y, text in re.findall(r'<text [^>]*?x="([\d.]+)" y="([\d.]+)"[^>]*>(.*?)</text>', svg):
        found.setdefault(float(y), []).append((float(x), html.unescape(text).replace("\xa0", " ")))
    return ["".join(text for _, text in sorted(parts)) for _, parts in sorted(found.items())]


def _stops(lines: Sequence[str]) -> Iterator[int]:
    """The first line that is seen, in each step: the last is where a client's lines end, or so many
    further on that nothing is missed."""
    ends = [number for number, line in enumerate(lines) if re.match(r"\s*bridged ", line)]
    yield 0
    seen = ROWS
    for end in [*ends, len(lines) - 1]:
        while end + 1 > seen:
            seen = min(end + 1, seen + ROWS // 2)
            yield seen - ROWS


def main() -> int:
    """Play the demo and make the picture."""
    with tempfile.TemporaryDirectory() as folder:
        said = record([sys.executable, "-m", "demo"], environment(Path(folder)) | _path())
    PICTURE.write_text(picture(said), encoding="utf-8")
    return 0


def _path() -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT / "tests")}


if __name__ == "__main__":
    sys.exit(main())
