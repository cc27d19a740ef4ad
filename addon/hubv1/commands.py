"""The addon's commands: hub.options, hub.check, hub.report and hub.summary."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import getproxies

from mitmproxy import command, ctx, exceptions, types
from mitmproxy.options import Options
from mitmproxy.proxy.mode_specs import ProxyMode, ReverseMode
from yarl import URL

from hubv1.components import Components, Environment, journal_place
from hubv1.config import OPTIONS, Config
from hubv1.hub import HubClient
from hubv1.journal import is_url, masked
from hubv1.listen import Listener, bracketed
from hubv1.reporting import Reporter, format_of
from hubv1.text import harmless, without_user_info

# The checks are loaded when somebody asks for them.
if TYPE_CHECKING:
    from hubv1.doctor import Checkup, Setup

logger = logging.getLogger(__name__)


class Commands:
    """The addon's commands. The addon inherits them, since mitmproxy looks for them there."""

    def __init__(self) -> None:
        """Nothing is configured yet."""
        self.components: Components | None = None
        self._checking: asyncio.Task[None] | None = None
        self.reporter = Reporter()

    @command.command("hub.options")  # type: ignore[untyped-decorator]  # mitmproxy's
    def show_options(self) -> Sequence[str]:
        """List the bridge's options with their values and meaning."""
        return [
            f"{option.name}={_shown(getattr(ctx.options, option.name))}: {option.help}"
            for option in OPTIONS
        ]

    @command.command("hub.check")  # type: ignore[untyped-decorator]  # mitmproxy's
    def check(self) -> None:
        """Check the way to Docker Hub and back, and log what is wrong and how to mend it."""
        is_idle = self._checking is None or self._checking.done()
        if self.components is not None and is_idle:
            self._checking = asyncio.ensure_future(_log_checks(self.components, ctx.options))

    @command.command("hub.report")  # type: ignore[untyped-decorator]  # mitmproxy's
    def write_report(self, path: types.Path) -> None:
        """Write the report of the journal to a file: .html .md .json .csv or .txt."""
        target = Path(path).expanduser()
        try:
            format_of(target)
        except ValueError as error:
            raise exceptions.CommandError(harmless(f"hub.report: {error}")) from error
        if self.components is not None:
            self.reporter.write(self.components.journal.place, target)

    @command.command("hub.summary")  # type: ignore[untyped-decorator]  # mitmproxy's
    def summarise(self) -> None:
        """Log a summary of the journal in a few lines."""
        if self.components is not None:
            self.reporter.summarise(self.components.journal.place)
            if self.components.shipper is not None:
                logger.info("hub v1: %s", self.components.shipper.status.sentence)

    def stop_checking(self) -> None:
        """Cancel a check that is under way."""
        if self._checking is not None:
            self._checking.cancel()


async def check_up(
    config: Config,
    environment: Environment,
    client: HubClient,
    options: Options,
    *,
    is_running: bool,
) -> "Checkup":
    """Run all checks; raises JournalError where no journal can be."""
    from hubv1.doctor import run_checks  # noqa: PLC0415  # see above

    setup = _setup(config, environment, options, is_running=is_running)
    transport = environment.transport()
    try:
        return await run_checks(setup, client, transport)
    finally:
        await transport.close()


async def _log_checks(components: Components, options: Options) -> None:
    checkup = await check_up(
        components.config, components.environment, components.hub, options, is_running=True
    )
    for result in checkup.results:
        level = logging.WARNING if result.is_wrong else logging.INFO
        logger.log(level, "hub.check: %s: %s", result.status, result.line)
    if checkup.trust_line:
        logger.info("hub.check: to see whether a client trusts the CA: %s", checkup.trust_line)
    logger.info("hub.check: %s", checkup.summary)


def _setup(
    config: Config, environment: Environment, options: Options, *, is_running: bool
) -> "Setup":
    """What the checks look at: the bridge's configuration and mitmproxy's."""
    from hubv1.doctor import Setup  # noqa: PLC0415  # see above

    return Setup(
        settings=config,
        connections=environment.connections,
        via=environment.via,
        journal=journal_place(config, environment),
        confdir=environment.confdir,
        listeners=tuple(listeners(options)),
        strategy=options.connection_strategy,
        has_login=bool(options.proxyauth),
        is_limited=bool(options.allow_hosts),
        environment_proxy=_environment_proxy(),
        is_running=is_running,
    )


def _environment_proxy() -> str:
    """The proxy that the environment names, without user and password; empty if there is none."""
    proxy = without_user_info(getproxies().get("https", ""), mask="")
    try:
        return str(URL(proxy)).rstrip("/")
    except ValueError:
        return ""


def listeners(options: Options) -> Iterator[Listener]:
    """The ways in which mitmproxy takes calls with these options; none where it serves nobody."""
    if options.server:
        yield from (_listener(spec, options) for spec in options.mode)
        if "web_port" in options:
            yield Listener("mitmweb", options.web_host, options.web_port)


def _listener(spec: str, options: Options) -> Listener:
    mode = ProxyMode.parse(spec)
    target = ""
    if isinstance(mode, ReverseMode):
        host, port = mode.address
        target = f"{mode.scheme}://{bracketed(host)}:{port}"
    listens = mode.listen_host(options.listen_host), mode.listen_port(options.listen_port)
    return Listener(mode.type_name, *listens, target, mode.transport_protocol)


def _shown(value: object) -> str:
    """The value of an option for people: a URL without its password."""
    return masked(value) if isinstance(value, str) and is_url(value) else repr(value)
