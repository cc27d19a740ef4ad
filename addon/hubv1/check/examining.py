"""All checks, in the order in which a call would meet what they look at."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from hubv1.check import clock, leading, listening, reach, shipping, trust, writing
from hubv1.check.finding import Finding, skipped
from hubv1.check.setup import Setup
from hubv1.hub import HubClient, Transport

PATIENCE = 10
"""Seconds for each host. It gets half of that to say something."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found."""

    findings: tuple[Finding, ...]
    trust_line: str
    """For a client machine; empty where the bridge serves nobody."""

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not any(finding.is_wrong for finding in self.findings)

    @property
    def summary(self) -> str:
        """One sentence."""
        wrong = sum(finding.is_wrong for finding in self.findings)
        if not wrong:
            return "Nothing is wrong with what was looked at."
        return f"{wrong} of {len(self.findings)} {'is' if wrong == 1 else 'are'} wrong."


async def examined(
    setup: Setup, client: HubClient, transport: Transport, seconds: float = PATIENCE
) -> Examination:
    """Look at everything. `client` is the one whose account signs in: it knows what Hub rejected
    before. `transport` makes the other requests, and is left open."""
    (hub, reply), registry, leads, journal, fleet = await asyncio.gather(
        reach.hub(setup, transport, seconds),
        reach.registry(setup, transport, seconds),
        leading.resolved(setup),
        asyncio.to_thread(writing.journal, setup),
        asyncio.to_thread(shipping.fleet, setup),
    )
    told_at = datetime.now(UTC)
    account = skipped("account", "Docker Hub has to be reached first.")
    if not hub.is_wrong or setup.settings.account is None:
        account = await reach.account(setup, client, seconds)
    findings = (
        listening.strategy(setup),
        listening.exposure(setup),
        leading.legacy_names(setup, leads),
        leading.loop(setup, leads),
        hub,
        registry,
        account,
        clock.clock(reply, told_at),
        journal,
        fleet,
    )
    return Examination(findings, trust.trust_line(setup, leads))
