"""What the user of `scripts/run` wants: read from the arguments and mitmproxy's config.yaml."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

DEFAULTS = {
    # The eager strategy connects to the dead legacy host before the bridge can answer.
    "connection_strategy": "lazy",
    "listen_host": "127.0.0.1",
    "listen_port": "8080",
}

CHECK = "--check"
"""The one argument that is not mitmdump's."""


@dataclass(frozen=True)
class Wishes:
    """What the user set, wherever that was."""

    options: Mapping[str, str]
    modes: Sequence[str]
    confdir: Path
    wants_help: bool
    serves: bool
    """False where mitmdump is only to print something or to read a file."""
    wants_check: bool
    """Whether the set-up is to be looked at, and nothing started."""

    @property
    def missing(self) -> list[str]:
        """Arguments for the defaults that nothing else replaces."""
        found = ((name, value) for name, value in DEFAULTS.items() if name not in self.options)
        return [word for name, value in found for word in ("--set", f"{name}={value}")]


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
        wants_check=given.check,
    )


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
    for name in (CHECK, "--version", "--options", "--commands", "-q", "-v", "-k"):
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
