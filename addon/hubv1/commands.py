"""The addon's commands: hub.options, hub.check, hub.report and hub.summary."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from mitmproxy import command, ctx, exceptions, types
from mitmproxy.options import Options

from hubv1.components import Components
from hubv1.config import OPTIONS
from hubv1.journal import is_url, masked
from hubv1.reporting import Reporter, format_of
from hubv1.text import harmless

logger = logging.getLogger(__name__)


class Commands:
    """The addon's commands, which the addon inherits, since mitmproxy looks for them there."""

    def __init__(self) -> None:
        """Begin without components."""
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
        """Check the way to Docker Hub and back, and log what is wrong and how to fix it."""
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
            self.reporter.write(self.components.journal.location, target)

    @command.command("hub.summary")  # type: ignore[untyped-decorator]  # mitmproxy's
    def summarise(self) -> None:
        """Log a summary of the journal in a few lines."""
        if self.components is not None:
            self.reporter.summarise(self.components.journal.location)
            if self.components.shipper is not None:
                logger.info("hub v1: %s", self.components.shipper.status.sentence)

    def stop_checking(self) -> None:
        """Cancel a check that is under way."""
        if self._checking is not None:
            self._checking.cancel()


async def _log_checks(components: Components, options: Options) -> None:
    from hubv1.doctor import Setup, listeners, run_checks  # noqa: PLC0415  # only when somebody asks

    places = tuple(listeners(options))
    setup = Setup(components.config, components.environment, options, places, is_running=True)
    checkup = await run_checks(setup, components.hub)
    for subject, result in checkup.results.items():
        level = logging.WARNING if result.is_wrong else logging.INFO
        logger.log(level, "hub.check: %s: %s: %s", result.status, subject, result.line)
    if checkup.trust_line:
        logger.info("hub.check: to see whether a client trusts the CA: %s", checkup.trust_line)
    logger.info("hub.check: %s", checkup.summary)


def _shown(value: object) -> str:
    """The value of an option, a URL without its password."""
    return masked(value) if isinstance(value, str) and is_url(value) else repr(value)
