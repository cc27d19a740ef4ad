"""The checks, with what mitmproxy knows of its own set-up."""

import asyncio
import logging
from urllib.request import getproxies

from mitmproxy.options import Options
from mitmproxy.proxy.mode_specs import ProxyMode, ReverseMode
from yarl import URL

from hubv1.addresses import bracketed
from hubv1.check import Examination, Listener, Setup, examined
from hubv1.hub import HubClient
from hubv1.parts import Parts, Surroundings, journal_place
from hubv1.settings import Settings
from hubv1.texts import without_user_info

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
    settings: Settings, surroundings: Surroundings, client: HubClient, options: Options
) -> Examination:
    """What there is to find; raises JournalError where the journal can be none."""
    transport = surroundings.transport()
    try:
        return await examined(_setup(settings, surroundings, options), client, transport)
    finally:
        await transport.close()


async def _log_findings(parts: Parts, options: Options) -> None:
    found = await examination(parts.settings, parts.surroundings, parts.hub, options)
    for finding in found.findings:
        level = logging.WARNING if finding.is_wrong else logging.INFO
        logger.log(level, "hub.check: %s: %s", finding.standing, finding.line)
    if found.trust_line:
        logger.info("hub.check: to see whether a client trusts the CA: %s", found.trust_line)
    logger.info("hub.check: %s", found.summary)


def _setup(settings: Settings, surroundings: Surroundings, options: Options) -> Setup:
    return Setup(
        settings=settings,
        connections=surroundings.connections,
        via=surroundings.via,
        journal=journal_place(settings, surroundings),
        confdir=surroundings.confdir,
        listeners=tuple(_listener(spec, options) for spec in options.mode if options.server),
        strategy=options.connection_strategy,
        has_login=bool(options.proxyauth),
        is_limited=bool(options.allow_hosts),
        environment_proxy=_environment_proxy(),
    )


def _environment_proxy() -> str:
    """Without its user and password; empty where there is none that can be understood."""
    proxy = without_user_info(getproxies().get("https", ""), mask="")
    try:
        return str(URL(proxy)).rstrip("/")
    except ValueError:
        return ""


def _listener(spec: str, options: Options) -> Listener:
    mode = ProxyMode.parse(spec)
    target = ""
    if isinstance(mode, ReverseMode):
        host, port = mode.address
        target = f"{mode.scheme}://{bracketed(host)}:{port}"
    listens = mode.listen_host(options.listen_host), mode.listen_port(options.listen_port)
    return Listener(mode.type_name, *listens, target)
