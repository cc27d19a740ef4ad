"""Addresses to listen on: whether they are free, and who may call a server on loopback.

A page on the internet can lead a browser to 127.0.0.1 by a host name that resolves to it. So
servers on loopback answer only requests for loopback's own names.
"""

import errno
import re
import socket
from dataclasses import dataclass
from ipaddress import ip_address

from hubv1.text import plainly

EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104  # the hosts for all addresses of this machine

METRICS = "hub_metrics"

_OPTIONS = {"mitmweb": "--web-port PORT", METRICS: "--set hub_metrics=HOST:PORT"}
_SOCKETS = {
    "tcp": (socket.SOCK_STREAM,),
    "udp": (socket.SOCK_DGRAM,),
    "both": (socket.SOCK_STREAM, socket.SOCK_DGRAM),
}


@dataclass(frozen=True, slots=True)
class Listener:
    """An address of a proxy mode, of mitmweb or of the metrics."""

    kind: str  # mitmproxy's name of the mode (regular, reverse, …), mitmweb, or METRICS
    host: str
    port: int | None  # None if the mode listens on no port
    target: str = ""  # the URL of the server behind a reverse proxy
    transport: str = "tcp"  # tcp, udp or both

    @property
    def is_for_others(self) -> bool:
        """Whether other machines can reach it."""
        return self.port is not None and not is_loopback(self.host)

    @property
    def address(self) -> str:
        """`host:port` by which this machine reaches it."""
        return f"{bracketed('127.0.0.1' if self.host in EVERYWHERE else self.host)}:{self.port}"

    @property
    def shown(self) -> str:
        """The address for people, with `*` for all addresses of this machine."""
        return f"{'*' if self.host in EVERYWHERE else bracketed(self.host)}:{self.port}"

    def problem(self, for_root: str) -> tuple[str, str] | None:
        """Why it cannot listen now, and what to do: `for_root` if only root may use the port.

        None if it can. To find out, it binds the address for a moment.
        """
        try:
            for kind in _SOCKETS[self.transport] if self.port is not None else ():
                self._bind(kind)
        except OSError as error:
            option = _OPTIONS.get(self.kind, "-p PORT or --listen-host HOST")
            another = f"Choose another address: {option}."
            return self.why_not(error), for_root if isinstance(error, PermissionError) else another
        return None

    def why_not(self, error: OSError) -> str:
        """A sentence for people about an error in listening on the address."""
        if isinstance(error, socket.gaierror):
            return f"The name {self.host} does not resolve."
        if error.errno == errno.EADDRINUSE:
            return f"{self.shown} is taken: another program listens there."
        if isinstance(error, PermissionError):
            return f"{self.shown} is for root: this user may not listen on ports that low."
        if error.errno == errno.EADDRNOTAVAIL:
            return f"{self.host} is not an address of this machine."
        return f"Nothing can listen on {self.shown}: {plainly(error)}."

    def _bind(self, kind: socket.SocketKind) -> None:
        found = socket.getaddrinfo(self.host or None, self.port, type=kind, flags=socket.AI_PASSIVE)
        for family, _, _, _, address in found:
            if family is socket.AF_INET6 and not (socket.has_dualstack_ipv6() or self.host):
                continue  # without IPv6, a server on all addresses listens on IPv4 alone
            with socket.socket(family, kind) as probe:
                if kind is socket.SOCK_STREAM:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family is socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind(address)


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `host:port` or `[v6]:port`; raises ValueError."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65_535:
        raise ValueError(f"{address!r} is not host:port")
    if ":" in host and not host.startswith("["):
        raise ValueError(f"{address!r} is not [address]:port")
    return host.removeprefix("[").removesuffix("]"), int(port)


def bracketed(host: str) -> str:
    """A host as in a URL, with brackets around an IPv6 address."""
    return f"[{host}]" if ":" in host else host


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address without a port, is on the loopback interface."""
    name = host.strip().lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


def is_welcome(listening: str, host_header: str) -> bool:
    """Whether a server at the address `listening` answers a request with that Host header."""
    name = re.sub(r"(?<!:):\d+$", "", host_header)
    return not is_loopback(listening) or is_loopback(name)
