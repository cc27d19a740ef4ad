"""All checks, in the order in which a call would meet what they look at."""

import asyncio
import socket
from dataclasses import dataclass
from datetime import UTC, datetime

from hubv1.doctor import hub_checks, local_checks
from hubv1.doctor.local_checks import Resolved
from hubv1.doctor.setup import CheckResult, Setup, skipped
from hubv1.hub import HubClient, Transport
from hubv1.listen import EVERYWHERE, Listener

SECONDS_FOR_EACH_HOST = 10

_CALL = "/v1/repositories/library/hello-world/tags/latest"
_PROXY_SCHEMES = {"regular": "http", "upstream": "http", "socks5": "socks5h"}


@dataclass(frozen=True, slots=True)
class Checkup:
    """The results of all checks."""

    results: tuple[CheckResult, ...]
    trust_line: str
    """For a client machine; empty where the bridge serves nobody."""

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not any(result.is_wrong for result in self.results)

    @property
    def summary(self) -> str:
        """One sentence."""
        wrong = sum(result.is_wrong for result in self.results)
        if not wrong:
            return "Nothing is wrong with what was looked at."
        return f"{wrong} of {len(self.results)} {'is' if wrong == 1 else 'are'} wrong."


async def run_checks(
    setup: Setup, client: HubClient, transport: Transport, seconds: float = SECONDS_FOR_EACH_HOST
) -> Checkup:
    """Run every check. `client` signs the account in: it knows what Hub rejected before.
    `transport` makes the other requests, and is left open."""
    (hub, reply), registry, resolved, journal, fleet = await asyncio.gather(
        hub_checks.hub(setup, transport, seconds),
        hub_checks.registry(setup, transport, seconds),
        local_checks.resolve(setup),
        asyncio.to_thread(local_checks.journal, setup),
        asyncio.to_thread(local_checks.fleet, setup),
    )
    answered_at = datetime.now(UTC)
    account = skipped("account", "Docker Hub has to be reached first.")
    if not hub.is_wrong or setup.settings.account is None:
        account = await hub_checks.account(setup, client, seconds)
    results = (
        local_checks.strategy(setup),
        local_checks.listening(setup),
        local_checks.legacy_names(setup, resolved),
        local_checks.loop(setup, resolved),
        hub,
        registry,
        account,
        hub_checks.clock(reply, answered_at),
        journal,
        fleet,
    )
    return Checkup(results, trust_line(setup, resolved))


def trust_line(setup: Setup, resolved: Resolved) -> str:
    """A curl that prints JSON where the CA is trusted, and fails with error 60 where it is not.

    Empty where the bridge serves nobody.
    """
    host = next((name for name in sorted(setup.settings.hosts) if resolved[name]), "")
    host = host or min(setup.settings.hosts, key=lambda name: (name != "index.docker.io", name))
    for listener in setup.listeners:
        if listener.kind in _PROXY_SCHEMES:
            login = " --proxy-user USER:PASSWORD" if setup.has_login else ""
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
