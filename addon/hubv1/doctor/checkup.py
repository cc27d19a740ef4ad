"""All checks, in the order in which a call would meet what they look at."""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from hubv1.doctor import hub_checks, local_checks
from hubv1.doctor.local_checks import Resolved
from hubv1.doctor.setup import CheckResult, Setup
from hubv1.hub import HubClient
from hubv1.listen import EVERYWHERE, Listener

SECONDS_FOR_EACH_HOST = 10

_CALL = "/v1/repositories/library/hello-world/tags/latest"
_PROXY_SCHEMES = {"regular": "http", "upstream": "http", "socks5": "socks5h"}


@dataclass(frozen=True, slots=True)
class Checkup:
    """The results of all checks by subject."""

    results: Mapping[str, CheckResult]
    trust_line: str
    """For a client machine; empty if the bridge serves nobody."""

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not any(result.is_wrong for result in self.results.values())

    @property
    def summary(self) -> str:
        """One sentence."""
        if self.is_sound:
            return "No problem found."
        wrong = sum(result.is_wrong for result in self.results.values())
        return f"{wrong} of {len(self.results)} checks found a problem."


async def run_checks(
    setup: Setup, client: HubClient, seconds: float = SECONDS_FOR_EACH_HOST
) -> Checkup:
    """Run every check. `client` signs the account in: it knows what Hub rejected before."""
    hosts, resolved, journal, fleet = await asyncio.gather(
        hub_checks.check_hosts(setup, client, seconds),
        local_checks.resolve(setup),
        asyncio.to_thread(local_checks.journal, setup),
        asyncio.to_thread(local_checks.fleet, setup),
    )
    results = {
        "connection strategy": local_checks.connection_strategy(setup),
        "listening": local_checks.listening(setup),
        "legacy hosts": local_checks.legacy_names(setup, resolved),
        "loop": local_checks.loop(setup, resolved),
        **hosts,
        "CA": local_checks.authority(setup),
        "journal": journal,
        "fleet": fleet,
    }
    return Checkup(results, trust_line(setup, resolved))


def trust_line(setup: Setup, resolved: Resolved) -> str:
    """A curl that prints JSON if it trusts the CA, and fails with error 60 if it does not.

    Empty if the bridge serves nobody.
    """
    hosts = sorted(setup.config.hosts, key=lambda name: (name != "index.docker.io", name))
    host = next((name for name in sorted(hosts) if resolved[name]), hosts[0])
    for listener in setup.listeners:
        if listener.kind in _PROXY_SCHEMES:
            login = " --proxy-user USER:PASSWORD" if setup.options.proxyauth else ""
            proxy = f"{_PROXY_SCHEMES[listener.kind]}://{_seen_from_outside(listener)}"
            return f"curl -sS --proxy {proxy}{login} https://{host}{_CALL}"
    for listener in setup.listeners:
        if listener.kind == "reverse" and not resolved[host]:
            return f"curl -sS --connect-to ::{_seen_from_outside(listener)} https://{host}{_CALL}"
    return f"curl -sS https://{host}{_CALL}" if setup.listeners else ""


def _seen_from_outside(listener: Listener) -> str:
    if listener.host in EVERYWHERE:
        return f"{socket.gethostname()}:{listener.port}"
    return listener.address
