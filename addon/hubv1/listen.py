"""Addresses to listen on: whether they can be had, and who may call what is for this machine alone.

A page on the internet can lead a browser to 127.0.0.1 by a name of its own that resolves there.
So what listens on loopback answers only to the names of loopback.
"""

import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from hubv1.text import plainly

EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104  # to be recognised, not to be listened on
"""The hosts that stand for every address of this machine."""


_MOVED_BY = {"mitmweb": "--web-port PORT", "hub_metrics": "--set hub_metrics=HOST:PORT"}

_KINDS = {
    "tcp": (socket.SOCK_STREAM,),
    "udp": (socket.SOCK_DGRAM,),
    "both": (socket.SOCK_STREAM, socket.SOCK_DGRAM),
}


@dataclass(frozen=True, slots=True)
class Listener:
    """An address on which mitmproxy takes calls, or shows something."""

    kind: str
    """mitmproxy's name of the mode (regular, reverse, …), or mitmweb or hub_metrics."""
    host: str
    port: int | None
    """None where the mode listens on no port."""
    target: str = ""
    """URL that a reverse proxy stands in front of."""
    transport: str = "tcp"
    """tcp, udp or both."""

    @property
    def is_for_others(self) -> bool:
        """Whether it takes calls from other machines."""
        return self.port is not None and not is_loopback(self.host)

    @property
    def address(self) -> str:
        """Host and port as in a URL."""
        return called(self.host, self.port)

    @property
    def moved_by(self) -> str:
        """The arguments that let it listen elsewhere."""
        return _MOVED_BY.get(self.kind, "-p PORT or --listen-host HOST")

    def try_to_listen(self) -> None:
        """Raises OSError where its address cannot be had now."""
        if self.port is not None:
            try_to_listen(self.host, self.port, self.transport)

    def why_not(self, error: OSError) -> str:
        """What that error means, as a sentence."""
        return why_not_listening(error, self.host, self.port or 0)


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `host:port` or `[v6]:port`; raises ValueError."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65_535:
        raise ValueError(f"{address!r} is not host:port")
    if ":" in host and not host.startswith("["):
        raise ValueError(f"{address!r} is not [address]:port")
    return host.removeprefix("[").removesuffix("]"), int(port)


def bracketed(host: str) -> str:
    """A host for a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def called(host: str, port: int | str | None) -> str:
    """`host:port` by which this machine reaches what listens there."""
    return f"{bracketed('127.0.0.1' if host in EVERYWHERE else host)}:{port}"


def shown_address(host: str, port: int | None) -> str:
    """Host and port as people write them, `*` for every address of this machine."""
    return f"{'*' if host in EVERYWHERE else bracketed(host)}:{port}"


def try_to_listen(host: str, port: int, transport: str = "tcp") -> None:
    """Take the address and give it back at once; `transport` is tcp, udp or both.

    Raises OSError where somebody who wants to listen there could not.
    """
    for kind in _KINDS[transport]:
        for family, address in _to_bind(host, port, kind):
            with socket.socket(family, kind) as probe:
                if kind is socket.SOCK_STREAM:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family is socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind(address)


def why_not_listening(error: OSError, host: str, port: int) -> str:
    """Why nothing can listen at that address, as a sentence."""
    place = shown_address(host, port)
    if isinstance(error, socket.gaierror):
        return f"The name {host} does not resolve."
    if error.errno == errno.EADDRINUSE:
        return f"{place} is taken: another program listens there."
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{place} is for root: this user may not listen on ports that low."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine."
    return f"{place} cannot be listened on: {plainly(error)}."


def _to_bind(
    host: str, port: int, kind: socket.SocketKind
) -> Iterator[tuple[socket.AddressFamily, tuple[object, ...]]]:
    found = socket.getaddrinfo(host or None, port, type=kind, flags=socket.AI_PASSIVE)
    for family, _, _, _, address in found:
        # Where IPv6 is off, what listens everywhere listens on IPv4 alone.
        if family is socket.AF_INET or socket.has_dualstack_ipv6() or host:
            yield family, address


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address without a port, is this machine and nobody else."""
    name = host.strip().lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


def is_welcome(listening: str, host_header: str) -> bool:
    """Whether a request with that Host header is meant for what listens at `listening`."""
    return not is_loopback(listening) or is_loopback(_without_port(host_header))


def _without_port(host_header: str) -> str:
    host, colon, port = host_header.rpartition(":")
    return host if colon and port.isdecimal() and not host.endswith(":") else host_header
