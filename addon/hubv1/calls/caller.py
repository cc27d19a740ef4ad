"""Who called: the name under which the report groups calls."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from hubv1.text import bounded

Network = IPv4Network | IPv6Network

_MOST_HOPS = 20
"""Proxies in a row that are trusted; a longer list is made up."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who made a call, as far as the call tells."""

    name: str
    """The value of the caller header, else the user agent's product at its address."""
    address: str
    user_agent: str


def identify(named: str, user_agent: str, address: str) -> Caller:
    """Name the caller of a call; `named` is the value of the caller header, empty without one."""
    product = user_agent.split(maxsplit=1)[0] if user_agent.strip() else "no user agent"
    name = named.strip() or f"{product} at {address or 'unknown address'}"
    return Caller(bounded(name), bounded(address), bounded(user_agent))


def client_address(peer: str, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> str:
    """The address of a client behind trusted proxies.

    Each proxy appends the address that called it to X-Forwarded-For; whatever stood there before
    may be made up. So the list is read from its end, as long as whoever wrote an address is
    trusted.
    """
    address = peer
    for hop in _from_the_end(forwarded_for):
        here = _parsed(address)
        if here is None or not any(here in network for network in trusted):
            break
        before = _parsed(hop)
        if before is None:
            break
        address = str(before)
    return address


def _from_the_end(values: Sequence[str]) -> Iterator[str]:
    hops = ",".join(values).rsplit(",", _MOST_HOPS)[-_MOST_HOPS:]
    return (hop.strip() for hop in reversed(hops))


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """Parse an address, perhaps with a port: `10.0.0.7`, `10.0.0.7:5123`, `[2001:db8::7]:5123`."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
