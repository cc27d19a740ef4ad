"""`--check`: the set-up that arguments would make, looked at without starting anything."""

import asyncio
import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from mitmproxy import exceptions, optmanager
from mitmproxy.options import Options
from mitmproxy.tools import cmdline
from mitmproxy.tools.dump import DumpMaster
from mitmproxy.tools.main import process_options

from hubv1.check import Examination
from hubv1.commands import examination
from hubv1.components import Environment, hub_client
from hubv1.config import OPTIONS, BadOption, complaints, given_options, read_config
from hubv1.journal import JournalError
from hubv1.mitm import connections
from hubv1.text import harmless

_TRUST = (
    "On a client machine, once the bridge runs: JSON if it trusts its CA, else curl's error 60."
)


def check(arguments: Sequence[str]) -> int:
    """Say what is wrong with the set-up of these arguments for mitmdump; the exit code."""
    try:
        found = asyncio.run(_examined(arguments))
    except (BadOption, JournalError, exceptions.OptionsError) as error:
        sys.stdout.write(f"wrong           options: {harmless(str(error))}\n")
        return 1
    sys.stdout.write("\n".join(_lines(found)) + "\n")
    return 0 if found.is_sound else 1


def _lines(found: Examination) -> Iterator[str]:
    for finding in found.findings:
        yield f"{finding.standing:<14}  {finding.line}"
    if found.trust_line:
        yield f"\n{_TRUST}\n  {found.trust_line}\n"
    yield found.summary


async def _examined(arguments: Sequence[str]) -> Examination:
    options = _options(arguments)
    values = {option.name: getattr(options, option.name) for option in OPTIONS}
    config = read_config(values, os.environ)
    bridge_id = f"hub-v1-bridge-{secrets.token_hex(4)}"
    environment = Environment(
        bridge_id, connections.connections(options), connections.confdir(options)
    )
    client = hub_client(config, environment)
    try:
        return await examination(config, environment, client, options)
    finally:
        await client.close()


def _options(arguments: Sequence[str]) -> Options:
    """The options as mitmdump would have them. Nothing hears of them, so that none takes effect:
    no recording is overwritten, no port taken. Raises BadOption or OptionsError."""
    options = Options()
    declared = Options()
    DumpMaster(declared, with_termlog=False)  # its addons declare theirs
    for name, row in declared.items():  # type: ignore[no-untyped-call]  # mitmproxy's
        if name not in options:
            options.add_option(name, row.typespec, row.default, row.help, row.choices)
    parser = cmdline.mitmdump(options)  # type: ignore[no-untyped-call]  # mitmproxy's
    given = parser.parse_args(arguments)
    options.set(*given.setoptions, defer=True)
    folder = Path(options.confdir)
    optmanager.load_paths(options, folder / "config.yaml", folder / "config.yml")
    process_options(parser, options, given)  # type: ignore[no-untyped-call]  # mitmproxy's
    wrong = complaints(given_options(options))
    if wrong:
        raise BadOption(" ".join(wrong.values()))
    for option in OPTIONS:
        options.add_option(option.name, option.type, option.default, option.help)
    options.process_deferred()
    return options
