"""What the checks look at."""

from dataclasses import dataclass
from pathlib import Path

from hubv1.config import Config
from hubv1.hub import Connections
from hubv1.journal import Place
from hubv1.listen import called, is_loopback


@dataclass(frozen=True, slots=True)
class Listener:
    """A way in which mitmproxy takes calls."""

    kind: str
    """mitmproxy's name of the mode: regular, reverse, …"""
    host: str
    port: int | None
    """None where the mode listens on no port."""
    target: str = ""
    """URL that a reverse proxy stands in front of."""

    @property
    def is_for_others(self) -> bool:
        """Whether it takes calls from other machines."""
        return self.port is not None and not is_loopback(self.host)

    @property
    def address(self) -> str:
        """Host and port as in a URL."""
        return called(self.host, self.port)


@dataclass(frozen=True, slots=True)
class Setup:
    """A bridge as it is, or as it would be started."""

    settings: Config
    connections: Connections
    via: str
    """Its entry in the Via header."""
    journal: Place
    confdir: Path
    listeners: tuple[Listener, ...]
    """None where mitmproxy serves nobody, but reads recordings."""
    strategy: str
    """mitmproxy's connection_strategy."""
    has_login: bool
    """Whether proxyauth is set."""
    is_limited: bool
    """Whether allow_hosts is set."""
    environment_proxy: str
    """What the environment names as a proxy for other programs; mitmproxy takes no notice."""
