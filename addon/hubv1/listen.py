"""Addresses to listen on, and who may call what listens on this machine alone.

A page on the internet can lead a browser to 127.0.0.1 by a name of its own that resolves there.
So what listens on loopback answers only to the names of loopback.
"""

from ipaddress import ip_address

EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104  # to be recognised, not to be listened on
"""The hosts that stand for every address of this machine."""


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
