"""Where names lead: legacy hosts to the bridge perhaps, Hub itself never."""

import asyncio
import socket
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from hubv1.check.finding import Finding, skipped, sound, wrong
from hubv1.check.setup import Listener, Setup
from hubv1.listen import EVERYWHERE, is_loopback

_IN_PLACE_OF_A_HOST = ("reverse", "transparent", "wireguard", "local", "tun")
"""Modes that take calls meant for another host."""

Resolved = Mapping[str, bool | None]
"""For each name whether it leads to this machine; None where it leads nowhere."""


async def resolved(setup: Setup) -> Resolved:
    """Where the legacy hosts lead, and those that the bridge itself calls."""
    called = [_host_and_port(url)[0] for _, url in _called(setup)]
    names = sorted({*setup.settings.hosts, *called})
    return dict(zip(names, await asyncio.gather(*map(_leads_here, names)), strict=True))


def legacy_names(setup: Setup, leads: Resolved) -> Finding:
    """Whether legacy hosts lead here, and then somebody takes their calls."""
    subject = "legacy hosts"
    here = [name for name in sorted(setup.settings.hosts) if leads[name]]
    if not here:
        dead = [name for name in sorted(setup.settings.hosts) if leads[name] is None]
        also = f" ({', '.join(dead)} to nowhere, which does not matter)" if dead else ""
        return sound(
            subject, f"None leads to this machine{also}: clients have to be led to the bridge."
        )
    shown = f"{', '.join(here)} {'leads' if len(here) == 1 else 'lead'}"
    if any(each.kind in _IN_PLACE_OF_A_HOST for each in setup.listeners):
        return sound(subject, f"{shown} to this machine, where the bridge takes such calls.")
    return wrong(
        subject,
        f"{shown} to this machine, but the bridge is no reverse proxy.",
        "Take that out of the hosts file or the DNS, or start the bridge with "
        "-m reverse:https://registry-1.docker.io@443.",
    )


def loop(setup: Setup, leads: Resolved) -> Finding:
    """Whether the bridge would call itself."""
    if setup.connections.proxy:
        return skipped("loop", f"{setup.connections.proxy} resolves the names that it is given.")
    for option, url in _called(setup):
        host, port = _host_and_port(url)
        if leads[host] and any(_takes(each, host, port) for each in setup.listeners):
            return wrong(
                "loop",
                f"{option} {url} leads back to this bridge.",
                f"Take {host} out of the hosts file, or let {option} lead to where it really is.",
            )
    return sound("loop", "Nothing that the bridge calls leads back to it.")


def _called(setup: Setup) -> Iterator[tuple[str, str]]:
    yield "hub_url", setup.settings.url
    if setup.settings.registry_url:
        yield "hub_registry_url", setup.settings.registry_url
    for listener in setup.listeners:
        if listener.target:
            yield "the reverse proxy's", listener.target


def _takes(listener: Listener, host: str, port: int) -> bool:
    """Whether what is sent to that port of this machine reaches the listener."""
    if listener.port != port:
        return False
    return listener.host in (*EVERYWHERE, host) or is_loopback(listener.host)


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)


async def _leads_here(name: str) -> bool | None:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return None
    return any(_is_own(str(address[0])) for *_, address in found)


def _is_own(address: str) -> bool:
    """Whether it is an address of this machine: nobody can listen on another's."""
    if ip_address(address.partition("%")[0]).is_loopback:
        return True
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
