"""The checks, with what mitmproxy knows of its own set-up."""

import asyncio
import logging
from collections.abc import Iterator
from urllib.request import getproxies

from mitmproxy.options import Options
from mitmproxy.proxy.mode_specs import ProxyMode, ReverseMode
from yarl import URL

from hubv1.addresses import bracketed
from hubv1.doctor import Checkup, Listener, Setup, run_checks
from hubv1.hub import HubClient
from hubv1.parts import Parts, Surroundings, journal_place
from hubv1.settings import Settings

logger = logging.getLogger(__name__)


class Examiner:
    """Looks at a running bridge when it is asked to, and logs what it finds."""

    def __init__(self) -> None:
        """Idle."""
        self._task: asyncio.Task[None] | None = None

    def begin(self, parts: Parts, options: Options) -> None:
        """Start looking, unless that is under way."""
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(_log_findings(parts, options))

    def stop(self) -> None:
        """Look no further."""
        if self._task is not None:
            self._task.cancel()


async def examination(
    settings: Settings,
    surroundings: Surroundings,
    client: HubClient,
    options: Options,
    *,
    is_running: bool,
) -> Checkup:
    """What there is to find; raises JournalError where the journal can be none."""
    transport = surroundings.transport()
    setup = _setup(settings, surroundings, options, is_running=is_running)
    try:
        return await run_checks(setup, client, transport)
    finally:
        await transport.close()


async def _log_findings(parts: Parts, options: Options) -> None:
    found = await examination(
        parts.settings, parts.surroundings, parts.hub, options, is_running=True
    )
    for result in found.results:
        level = logging.WARNING if result.is_wrong else logging.INFO
        logger.log(level, "hub.check: %s: %s", result.status, result.line)
    if found.trust_line:
        logger.info("hub.check: to see whether a client trusts the CA: %s", found.trust_line)
    logger.info("hub.check: %s", found.summary)


def _setup(
    settings: Settings, surroundings: Surroundings, options: Options, *, is_running: bool
) -> Setup:
    return Setup(
        settings=settings,
        connections=surroundings.connections,
        via=surroundings.via,
        journal=journal_place(settings, surroundings),
        confdir=surroundings.confdir,
        listeners=tuple(listeners(options)),
        strategy=options.connection_strategy,
        has_login=bool(options.proxyauth),
        is_limited=bool(options.allow_hosts),
        environment_proxy=_environment_proxy(),
        is_running=is_running,
    )


def _environment_proxy() -> str:
    """Without its user and password; empty where there is none that can be understood."""
    try:
        return str(URL(getproxies().get("https", "")).with_user(None)).rstrip("/")
    except ValueError:
        return ""


def listeners(options: Options) -> Iterator[Listener]:
    """The ways in which mitmproxy takes calls with these options; none where it serves nobody."""
    if options.server:
        yield from (_listener(spec, options) for spec in options.mode)


def _listener(spec: str, options: Options) -> Listener:
    mode = ProxyMode.parse(spec)
    target = ""
    if isinstance(mode, ReverseMode):
        host, port = mode.address
        target = f"{mode.scheme}://{bracketed(host)}:{port}"
    listens = mode.listen_host(options.listen_host), mode.listen_port(options.listen_port)
    return Listener(mode.type_name, *listens, target, mode.transport_protocol)
