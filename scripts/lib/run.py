"""`scripts/run`: gives mitmdump the bridge and sound defaults, and says how to call it.

A default is only given where neither the arguments nor mitmproxy's config.yaml say otherwise:
mitmdump refuses an option that is set twice, and lets config.yaml decide over `--set`.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
BRIDGE = ROOT / "addon" / "bridge.py"
MITMDUMP = Path(sys.executable).with_name("mitmdump")

DEFAULTS = {
    # The eager strategy connects to the dead legacy host before the bridge can answer.
    "connection_strategy": "lazy",
    "listen_host": "127.0.0.1",
    "listen_port": "8080",
}
EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104  # to be recognised, not to be listened on

HELP = """\
usage: scripts/run [mitmdump arguments]

Runs the Hub v1 bridge on 127.0.0.1:8080. Any argument replaces the default of its option:
  scripts/run -p 9000                                   on another port
  scripts/run --listen-host 0.0.0.0                     for other machines
  scripts/run -m reverse:https://index.docker.io        as a reverse proxy
  scripts/run --set hub_journal=/var/lib/hub/journal.sqlite3

What mitmdump takes:
"""


@dataclass(frozen=True)
class Wishes:
    """What the user set, wherever that was."""

    options: Mapping[str, str]
    modes: Sequence[str]
    confdir: Path
    wants_help: bool
    serves: bool
    """False where mitmdump is only to print something or to read a file."""


def main() -> None:
    """Become mitmdump."""
    arguments = sys.argv[1:]
    try:
        wishes = read_wishes(arguments)
    except argparse.ArgumentError:
        become_mitmdump(arguments)  # which says what is wrong with them
    if wishes.wants_help:
        sys.stdout.write(HELP)
        sys.stdout.flush()
        become_mitmdump(["--help"])
    if wishes.serves:
        sys.stderr.write("\n".join(how_to_call(wishes)) + "\n")
        sys.stderr.flush()
    missing = [f"{name}={value}" for name, value in DEFAULTS.items() if name not in wishes.options]
    settings = [word for setting in missing for word in ("--set", setting)]
    become_mitmdump(["--scripts", str(BRIDGE), *settings, *arguments])


def become_mitmdump(arguments: Sequence[str]) -> NoReturn:
    """Mitmdump in the place of this process, with its signals and exit code."""
    os.environ.setdefault("PYTHONUNBUFFERED", "1")  # a log in a file is there when it is looked at
    os.execv(MITMDUMP, [str(MITMDUMP), *arguments])  # noqa: S606  # no shell is the point


def read_wishes(arguments: Sequence[str]) -> Wishes:
    """The wishes in these arguments and in the config.yaml that they lead to."""
    given, _ = _parser().parse_known_args(arguments)
    options = dict(_setting(each) for each in given.set)
    confdir = Path(options.get("confdir") or "~/.mitmproxy").expanduser()
    from_file = _config(confdir)
    options |= {name: str(value) for name, value in from_file.items()}
    flags = {"listen_port": given.listen_port, "listen_host": given.listen_host}
    options |= {name: value for name, value in flags.items() if value is not None}
    set_modes = [value for name, value in map(_setting, given.set) if name == "mode"]
    return Wishes(
        options=options,
        modes=given.mode or _listed(from_file.get("mode")) or set_modes,
        confdir=confdir,
        wants_help=given.help,
        serves=not (given.no_server or given.version or given.options or given.commands),
    )


def how_to_call(wishes: Wishes) -> Iterator[str]:
    """How to lead a client to the bridge, a line each."""
    options = DEFAULTS | dict(wishes.options)
    yield "The Hub v1 bridge. Ctrl-C ends it. Ways to call it:"
    yield ""
    for mode in wishes.modes or ["regular"]:
        yield from _how_to_call_mode(mode, options, wishes.confdir)
    if not wishes.modes:
        yield from _other_ways(options, wishes.confdir)
    yield ""


def _how_to_call_mode(mode: str, options: Mapping[str, str], confdir: Path) -> Iterator[str]:
    kind, address = _listening(mode, options)
    if kind in ("regular", "upstream"):
        ca = shlex.quote(str(confdir / "mitmproxy-ca-cert.pem"))
        yield "As a forward proxy, with mitmproxy's own CA (the file is made at the first start):"
        yield f"  curl --proxy http://{address} --cacert {ca} \\"
        yield "    https://index.docker.io/v1/repositories/debian/tags"
    elif kind == "reverse":
        yield "As a reverse proxy, where the path alone says what is a legacy call:"
        yield f"  curl http://{address}/v1/repositories/debian/tags"
    else:
        yield f"In mode {mode}: https://docs.mitmproxy.org/stable/concepts/modes/"


def _other_ways(options: Mapping[str, str], confdir: Path) -> Iterator[str]:
    _, address = _listening("reverse", options)
    upstream = "registry-1.docker.io"
    settings = shlex.quote(f"confdir={confdir}")
    yield "As a reverse proxy:"
    yield "  scripts/run -m reverse:https://index.docker.io"
    yield f"  curl http://{address}/v1/repositories/debian/tags"
    yield "By the hosts file of this machine, for clients that know no proxy but trust that CA:"
    yield "  127.0.0.1 index.docker.io registry.hub.docker.com"
    yield f"  sudo scripts/run -m reverse:https://{upstream}@443 \\"
    yield f"    -m reverse:http://{upstream}@80 --set {settings}"


def _listening(mode: str, options: Mapping[str, str]) -> tuple[str, str]:
    """Kind of a mode and the address to call it at; `reverse:https://x@0.0.0.0:443` has its own."""
    spec, _, own = mode.rpartition("@")
    if not spec:
        spec, own = own, ""
    own_host, _, own_port = own.rpartition(":")
    host, port = own_host or options["listen_host"], own_port or options["listen_port"]
    host = "127.0.0.1" if host in EVERYWHERE else host
    return spec.partition(":")[0], f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _parser() -> argparse.ArgumentParser:
    """The part of mitmdump's own parser that matters here.

    It has all short options, so that they are understood when run together.
    """
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("-m", "--mode", action="append", default=[])
    parser.add_argument("-p", "--listen-port")
    parser.add_argument("--listen-host")
    parser.add_argument("-n", "--no-server", action="store_true")
    parser.add_argument("-h", "--help", action="store_true")
    for name in ("--version", "--options", "--commands", "-q", "-v", "-k"):
        parser.add_argument(name, action="store_true")
    for letter in "rswBCHMS":
        parser.add_argument(f"-{letter}", action="append")
    return parser


def _setting(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _config(confdir: Path) -> dict[str, object]:
    """What config.yaml says; what is wrong with it, mitmdump says better."""
    found: dict[str, object] = {}
    for file in (confdir / "config.yaml", confdir / "config.yml"):
        if file.is_file():
            from mitmproxy import exceptions, optmanager  # noqa: PLC0415  # takes time

            try:
                found |= optmanager.parse(file.read_text(encoding="utf-8"))  # type: ignore[no-untyped-call]  # mitmproxy's
            except (exceptions.OptionsError, OSError, UnicodeDecodeError):
                continue
    return found


def _listed(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [str(each) for each in value] if isinstance(value, list) else []


if __name__ == "__main__":
    main()
