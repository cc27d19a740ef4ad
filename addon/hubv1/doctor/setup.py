"""The setup that is checked, and the result of a check."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from mitmproxy.options import Options
from mitmproxy.proxy.mode_specs import ProxyMode, ReverseMode

from hubv1.components import Environment
from hubv1.config import Config
from hubv1.listen import METRICS, Listener, bracketed, split_address
from hubv1.text import printable


@dataclass(frozen=True, slots=True)
class Setup:
    """A bridge that runs, or that would be started."""

    config: Config
    environment: Environment
    options: Options
    """mitmproxy's."""
    listeners: tuple[Listener, ...]
    """Empty if mitmproxy only reads recordings."""
    is_running: bool
    """Whether the bridge runs, and so uses its ports already."""

    @property
    def proxy(self) -> str:
        """The URL of the parent proxy; empty for none."""
        return self.environment.connections.proxy


def listeners(options: Options) -> Iterator[Listener]:
    """The addresses on which mitmproxy and the bridge listen with these options."""
    if not options.server:
        return
    for mode in map(ProxyMode.parse, options.mode):
        target = ""
        if isinstance(mode, ReverseMode):
            target = f"{mode.scheme}://{bracketed(mode.address[0])}:{mode.address[1]}"
        listens = mode.listen_host(options.listen_host), mode.listen_port(options.listen_port)
        yield Listener(mode.type_name, *listens, target, mode.transport_protocol)
    if "web_port" in options:
        yield Listener("mitmweb", options.web_host, options.web_port)
    if options.hub_metrics:
        yield Listener(METRICS, *split_address(options.hub_metrics))


class CheckStatus(StrEnum):
    """How a check ended."""

    OK = "ok"
    WRONG = "wrong"
    SKIPPED = "skipped"
    """It could not run, or was not needed."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a check. The texts are sentences."""

    status: CheckStatus
    sentence: str
    remedy: str = ""
    """How to fix it; empty unless something is wrong."""

    @property
    def is_wrong(self) -> bool:
        """Whether something has to be fixed."""
        return self.status is CheckStatus.WRONG

    @property
    def line(self) -> str:
        """The result on one printable line."""
        return printable(f"{self.sentence} {self.remedy}".strip())


ok = partial(CheckResult, CheckStatus.OK)
wrong = partial(CheckResult, CheckStatus.WRONG)
skipped = partial(CheckResult, CheckStatus.SKIPPED)
