"""Anonymous records: networks instead of addresses, and no user names (`hub_anonymize`)."""

import re
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from hubv1.api.record import CallRecord
from hubv1.text import parse_address

V4_PREFIX, V6_PREFIX = 24, 48  # bits of an address that are kept, which usually identify a site

_WORDS = re.compile(r"[^\s,;=()<>\"']+")
_CUT = re.compile(r" at [0-9A-Fa-f.:]*…$")  # a cut address at the end of a long name
_USERS = "/v1/users/…"  # v1's only path that names an account, with … for the account
_SHORTEST_NAME = 3
"""Characters that a user name in an error must have to be masked: a shorter one may be part of a
word."""


def anonymized(record: CallRecord) -> CallRecord:
    """The record with the network in place of each address, and without user names.

    An anonymized record does not change.
    """
    return replace(
        record,
        caller=_caller(record),
        client_address=network_of(record.client_address),
        user_agent_original=_WORDS.sub(_network_if_address, record.user_agent_original),
        user_name="",
        url_path=_USERS if record.route.endswith(f" {_USERS}") else record.url_path,
        error=_without(record.user_name, record.error),
    )


def _caller(record: CallRecord) -> str:
    """The caller's name without addresses; it may end with one that cannot be parsed."""
    name, address = _CUT.sub(" at …", record.caller), record.client_address
    if address and not network_of(address):
        name = name.replace(f" at {address}", " at unknown address")
    return _WORDS.sub(_network_if_address, name)


def network_of(address: str) -> str:
    """The network of an address, such as `10.0.0.0/24`; empty if the text is no address.

    The network of a network, which an anonymized record has, is that of its first address.
    """
    match parse_address(address.partition("/")[0]):
        case IPv6Address(sixtofour=IPv4Address() as v4) | (IPv4Address() as v4):
            return str(IPv4Network((v4, V4_PREFIX), strict=False))
        case IPv6Address() as v6:
            return str(IPv6Network((int(v6), V6_PREFIX), strict=False))  # without a zone
        case _:
            return ""


def _network_if_address(word: re.Match[str]) -> str:
    return network_of(word[0]) or word[0]


def _without(name: str, text: str) -> str:
    if len(name) < _SHORTEST_NAME:
        return text
    return re.sub(re.escape(name), "***", text, flags=re.IGNORECASE)
