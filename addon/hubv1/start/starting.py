"""Gives mitmdump the bridge and sound defaults, and says how to call it.

A default is only given where neither the arguments nor mitmproxy's config.yaml say otherwise:
mitmdump refuses an option that is set twice, and lets config.yaml decide over `--set`.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import hubv1
from hubv1.start.calling import how_to_call
from hubv1.start.wishes import CHECK, read_wishes

_MITMDUMP = (
    "import sys; sys.argv[0] = 'mitmdump'; from mitmproxy.tools.main import mitmdump; "
    "sys.exit(mitmdump())"
)
"""Whatever folder its own program is in, and with this Python, which has the bridge."""

HELP = """\
usage: {program} [--check] [mitmdump arguments]

Runs the Hub v1 bridge on 127.0.0.1:8080. Any argument replaces the default of its option:
  {program} -p 9000                                   on another port
  {program} --listen-host 0.0.0.0                     for other machines
  {program} -m reverse:https://index.docker.io        as a reverse proxy
  {program} --set hub_journal=/var/lib/hub/journal.sqlite3

With --check it starts nothing, but looks whether the set-up that the arguments make is sound: the
way to Docker Hub, account, clock, journal, and who can call. It says what is wrong and how to mend
it, and exits with 0 if nothing is, else with 1.

What mitmdump takes:
"""


def main(program: str, arguments: Sequence[str]) -> NoReturn:
    """Become mitmdump; `program` is how the user calls this."""
    try:
        wishes = read_wishes(arguments)
    except argparse.ArgumentError:
        _become_mitmdump(arguments)  # which says what is wrong with them
    if wishes.wants_help:
        sys.stdout.write(HELP.format(program=program))
        sys.stdout.flush()
        _become_mitmdump(["--help"])
    if wishes.wants_check:
        from hubv1.start.checking import check  # noqa: PLC0415  # takes time

        given = [argument for argument in arguments if argument != CHECK]
        sys.exit(check([*wishes.missing, *given]))
    if wishes.serves:
        sys.stderr.write("\n".join(how_to_call(wishes, program)) + "\n")
        sys.stderr.flush()
    _become_mitmdump(["--scripts", str(bridge_file()), *wishes.missing, *arguments])


def bridge_file() -> Path:
    """What mitmproxy is to load: beside the package in a checkout, in a folder where installed."""
    beside = Path(hubv1.__file__).parents[1]
    installed = beside / "hubv1_addon" / "bridge.py"
    return installed if installed.exists() else beside / "bridge.py"


def run_installed() -> NoReturn:
    """The program `hub-v1-bridge`."""
    main("hub-v1-bridge", sys.argv[1:])


def print_bridge_file() -> None:
    """The program `hub-v1-bridge-addon`, for `mitmweb -s "$(hub-v1-bridge-addon)"`."""
    sys.stdout.write(f"{bridge_file()}\n")


def _become_mitmdump(arguments: Sequence[str]) -> NoReturn:
    """Mitmdump in the place of this process, with its signals and exit code."""
    os.environ.setdefault("PYTHONUNBUFFERED", "1")  # a log in a file is there when it is looked at
    command = [sys.executable, "-P", "-c", _MITMDUMP, *arguments]
    os.execv(sys.executable, command)  # noqa: S606  # no shell is the point
