"""`scripts/lab`: a network on which to try transparent interception, built and taken down."""

import argparse
import fcntl
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .containers import Containers
from .hosts import HOSTS, Lab, LabError, running_in

TOOLS = {"iptables": ("ip", "iptables", "nsenter"), "nftables": ("ip", "nft", "nsenter")}
PACKAGES = {"ip": "iproute2", "nft": "nftables", "nsenter": "util-linux"}
"""Debian's, where they are not named like the program."""
CONTAINER = "container"
DESCRIPTION = """\
Builds a network on this machine in which clients that know no proxy are intercepted: hosts for the
client, for the bridge on its gateway and for a stand-in for Docker Hub, with IPv4 and IPv6, http
and https, and a network of containers if podman is installed. Nothing of it is in the network of
this machine, and 'down' leaves nothing behind."""


def main() -> int:
    """Do what the arguments say; 1 with a sentence if it cannot be done."""
    given, lab = prepare()
    try:
        with _alone(given.command):
            return int(given.does(lab, given))
    except LabError as error:
        return _failed(str(error))
    except KeyboardInterrupt:
        return 130


def prepare() -> tuple[argparse.Namespace, Lab]:
    """The arguments; ends the program where they, the user or missing tools allow nothing."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # where Debian has ip and its like
    given = _parser().parse_args()
    if os.geteuid() != 0:
        line = shlex.join(["sudo", "scripts/lab", *sys.argv[1:]])
        sys.exit(_failed(f"Network namespaces need root. Type: {line}"))
    needed = TOOLS[given.firewall] if given.command == "up" else TOOLS["iptables"][:1]
    missing = [PACKAGES.get(each, each) for each in needed if not shutil.which(each)]
    if missing:
        sys.exit(_failed(f"Something is missing. Type: sudo apt-get install {' '.join(missing)}"))
    return given, Lab(given.name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/lab", description=DESCRIPTION)
    commands = parser.add_subparsers(dest="command", required=True, metavar="up|enter|down")
    up = commands.add_parser("up", help="build it, with the bridge running")
    up.add_argument(
        "--with",
        dest="firewall",
        choices=TOOLS,
        default="iptables",
        help="what redirects the packets (default: iptables)",
    )
    up.add_argument(
        "--no-bridge", action="store_true", help="start no bridge: you do, with 'enter bridge'"
    )
    up.add_argument(
        "arguments",
        nargs="*",
        metavar="ARGUMENT",
        help="for scripts/run, behind --, such as -- --set hub_mode=observe",
    )
    up.set_defaults(does=_up)
    enter = commands.add_parser("enter", help="a shell on a host, or one command")
    enter.add_argument("host", choices=(*HOSTS, CONTAINER), help=", ".join((*HOSTS, CONTAINER)))
    enter.add_argument("line", nargs=argparse.REMAINDER, metavar="COMMAND", help="such as curl …")
    enter.set_defaults(does=_enter)
    down = commands.add_parser("down", help="take it down, whatever is left of it")
    down.set_defaults(does=_down)
    for each in (up, enter, down):
        each.add_argument("--name", type=_name, default=Lab.name, help="of one among several labs")
    return parser


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", text):
        raise argparse.ArgumentTypeError("a name has small letters, digits and hyphens")
    return text


def _up(lab: Lab, given: argparse.Namespace) -> int:
    containers = Containers(lab)
    if lab.left():
        if _is_up(lab, with_bridge=not given.no_bridge):
            raise LabError(f"{lab.name} is up already. Type: {_line('down', lab)}")
        _say("removing what was left of an earlier lab")
        _remove(lab)
    try:
        lab.build(given.firewall)
        lab.start_hub(sys.executable)
        if not given.no_bridge:
            lab.start_bridge(given.arguments)
        without = ""
        try:
            containers.build(given.firewall)
        except LabError as error:
            without = str(error)
    except BaseException:
        _remove(lab)
        raise
    _tell(lab, given, without)
    return 0


def _is_up(lab: Lab, *, with_bridge: bool) -> bool:
    return lab.left() == list(HOSTS) and all(
        running_in([f"{lab.name}-{host}"]) for host in ("hub", *["bridge"] * with_bridge)
    )


def _tell(lab: Lab, given: argparse.Namespace, without: str) -> None:
    url = "//registry.hub.docker.com/v1/repositories/hello-world/tags"
    versions = "IPv4 and IPv6" if lab.has_ipv6 else "IPv4 alone, since this machine has no IPv6"
    print(f"{lab.name} is up: {', '.join(HOSTS)}, with {given.firewall}, {versions}.")
    if without:
        print(f"It has no containers: {without}")
    lines = [_line("enter client", lab, f"curl -sS https:{url}")]
    if not without:
        lines.append(_line("enter container", lab, f"curl -sS http:{url}"))
    if not given.no_bridge:
        lines.append(f"sudo scripts/report --journal {lab.confdir / 'hub-journal.sqlite3'}")
    print("", *lines, _line("down", lab), sep="\n  ")


def _line(command: str, lab: Lab, rest: str = "") -> str:
    name = "" if lab == Lab() else f" --name {lab.name}"
    verb, _, host = command.partition(" ")
    return " ".join(word for word in ("sudo scripts/lab", verb + name, host, rest) if word)


def _enter(lab: Lab, given: argparse.Namespace) -> int:
    if lab.left() != list(HOSTS):
        raise LabError(f"There is no {lab.name}. Type: {_line('up', lab)}")
    line = given.line[1:] if given.line[:1] == ["--"] else given.line
    line = line or [os.environ.get("SHELL") or "/bin/sh"]
    if given.host == CONTAINER:
        containers = Containers(lab)
        if not containers.are_there:
            raise LabError(f"{lab.name} has no containers; 'up' said why.")
        command = containers.command(line)
    else:
        variables = lab.environment() if given.host == "client" else {}
        os.environ.update(variables)
        command = [*lab.inside(given.host), *line]
    os.execvp(command[0], command)  # noqa: S606  # a shell is what it may start


def _down(lab: Lab, _given: argparse.Namespace) -> int:
    was_there = bool(lab.left()) or lab.folder.exists()
    _remove(lab)
    print(f"{lab.name} is gone." if was_there else f"There is no {lab.name}.")
    return 0


def _remove(lab: Lab) -> None:
    try:
        Containers(lab).remove()
    finally:
        lab.remove()


@contextmanager
def _alone(command: str) -> Iterator[None]:
    """One builds or removes at a time. The lock is on this file, so that nothing is left of it."""
    with Path(__file__).open("rb") as file:
        if command != "enter":
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _say(sentence: str) -> None:
    print(f"scripts/lab: {sentence}", file=sys.stderr)


def _failed(sentence: str) -> int:
    _say(sentence)
    return 1


if __name__ == "__main__":
    sys.exit(main())
