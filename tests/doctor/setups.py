"""Set-ups for the checks to look at: sound, but for what a test changes."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mitmproxy.options import Options

from hubv1.components import Environment, hub_client
from hubv1.config import OPTIONS, read_config
from hubv1.doctor import CheckResult, Checkup, Setup, run_checks
from hubv1.hub import Connections
from hubv1.listen import Listener
from samples import VIA

SECONDS = 30
BRIDGE_ID = VIA.removeprefix("1.1 ")
NO_NAMES = {"hub_hosts": ["192.0.2.1"]}
"""An address needs no DNS, which may be slow where there is none."""
LOCAL = Listener("regular", "127.0.0.1", 8080)


def a_setup(
    folder: Path,
    *,
    secret: str = "",
    options: dict[str, Any] | None = None,
    connections: Connections = Connections(),  # noqa: B008  # frozen
    listeners: tuple[Listener, ...] = (LOCAL,),
    is_running: bool = True,
    **mitmproxys: Any,
) -> Setup:
    """`options` are the bridge's, `mitmproxys` are mitmproxy's.

    It runs, so that no port of this machine has to be free.
    """
    values = {option.name: option.default for option in OPTIONS} | (options or {})
    declared = Options()
    for name, value in (("connection_strategy", "lazy"), ("proxyauth", "")):
        declared.add_option(name, str, value, "")
    declared.update(**mitmproxys)  # type: ignore[no-untyped-call]  # mitmproxy's
    return Setup(
        config=read_config(values, {"HUB_SECRET": secret}),
        environment=Environment(BRIDGE_ID, connections, folder),
        options=declared,
        listeners=listeners,
        is_running=is_running,
    )


def examine(setup: Setup, seconds: float = SECONDS) -> Checkup:
    """All that there is to find."""

    async def looking() -> Checkup:
        client = hub_client(setup.config, setup.environment)
        try:
            return await run_checks(setup, client, seconds)
        finally:
            await client.close()

    return asyncio.run(looking())


def find(setup: Setup, subject: str, seconds: float = SECONDS) -> CheckResult:
    """What is found of one subject."""
    return examine(setup, seconds).results[subject]


@contextmanager
def always_saying(answer: bytes) -> Iterator[str]:
    """The URL of a server that answers everybody with these bytes, or with silence."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                kept.append(connection)
                connection.recv(65_536)
                if answer:
                    connection.sendall(answer)
                    connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for each in kept:
            each.close()
