"""`python -m standin`: prints one line of JSON with its URLs, then serves until told to end."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

from .catalog import Catalog
from .server import serving
from .settings import Settings
from .state import State
from .tls import CA_FILE


def main() -> int:
    options = _parser().parse_args()
    settings = Settings(**{each.name: getattr(options, each.name) for each in fields(Settings)})
    catalog = Catalog.default()
    for rule in options.rule:
        catalog.add_rule(*rule)
    try:
        asyncio.run(_serve(State(catalog, settings)))
    except OSError as error:
        print(f"standin: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    """One option for each setting, so that neither can be forgotten."""
    hints = get_type_hints(Settings, include_extras=True)
    parser = argparse.ArgumentParser("python -m standin", description=__doc__)
    for each in fields(Settings):
        kind, help_text = get_args(hints[each.name])
        parser.add_argument(
            "--" + each.name.replace("_", "-"),
            type=Path if each.default is None else kind,
            default=each.default,
            help=f"{help_text} (default: {each.default})",
        )
    parser.add_argument(
        "--rule",
        type=_rule,
        action="append",
        default=[],
        metavar="PREFIX=TAGS[xLETTERS]",
        help="any name that begins so is a repository of that many tags, whose names may be long "
        "(bench/=100 is there)",
    )
    return parser


def _rule(text: str) -> tuple[str, int, int]:
    prefix, _, size = text.rpartition("=")
    tags, _, letters = size.partition("x")
    return prefix, int(tags), int(letters or 0)


async def _serve(state: State) -> None:
    loop = asyncio.get_running_loop()
    for end in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(end, state.stopping.set)
    async with serving(state):
        print(json.dumps(_welcome(state)), flush=True)
        await state.stopping.wait()


def _welcome(state: State) -> dict[str, object]:
    """`hub`, `registry`, `auth` (URLs), `pid`, and with TLS `ca`, the file to trust."""
    folder = state.settings.tls
    ca = {"ca": str((folder / CA_FILE).resolve())} if folder else {}
    return {**state.urls, "pid": os.getpid(), **ca}


if __name__ == "__main__":
    sys.exit(main())
