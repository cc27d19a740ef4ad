"""Whether Docker's hosts answer, accept the account, and agree with this machine about the time."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.request import getproxies

from hubv1.api import v2
from hubv1.api.names import Repository
from hubv1.api.v2 import HubFailure, Unauthorized, Unreachable
from hubv1.config import SECRET
from hubv1.doctor.diagnosis import diagnose
from hubv1.doctor.setup import CheckResult, Setup, ok, skipped, wrong
from hubv1.hub import HubClient, Registry, Reply, Request, RequestBudget, Transport
from hubv1.text import without_user_info

SAMPLE = Repository("library", "hello-world")
"""A small public repository that Docker keeps for such tests."""

CLOCK_TOLERANCE = 60
"""Seconds by which the clocks of Hub and this machine may differ."""

_T = TypeVar("_T")


async def check_hosts(setup: Setup, client: HubClient, seconds: float) -> dict[str, CheckResult]:
    """The results by subject. `client` signs in."""
    transport = setup.environment.transport()
    try:
        (hub, clock), registry = await asyncio.gather(
            _hub(setup, transport, seconds), _registry(setup, transport, seconds)
        )
    finally:
        await transport.close()
    account = skipped("Docker Hub has to be reached first.")
    if not hub.is_wrong or setup.config.account is None:
        account = await _account(setup, client, seconds)
    return {"Docker Hub": hub, "registry": registry, "account": account, "clock": clock}


async def _hub(
    setup: Setup, transport: Transport, seconds: float
) -> tuple[CheckResult, CheckResult]:
    """Whether API v2 answers, and whether its clock agrees with this machine's."""
    url = setup.config.url
    sample = f"{url}/v2/namespaces/{SAMPLE.namespace}/repositories/{SAMPLE.name}/tags/latest"
    budget = RequestBudget(seconds=seconds)
    clock = skipped("Docker Hub did not tell its time.")
    try:
        reply = await _in_time(transport.send(Request("GET", sample), budget), seconds)
        clock = _clock(reply, datetime.now(UTC)) or clock
        transport.decode(reply, v2.read_tag, budget)
    except HubFailure as failure:
        return _failed(setup, "hub_url", failure), clock
    return ok(f"{url} answers{_via_proxy(setup)}."), clock


async def _registry(setup: Setup, transport: Transport, seconds: float) -> CheckResult:
    """Whether the registry and its token service give a list of tags."""
    url = setup.config.registry_url
    if not url:
        return skipped("hub_registry_url is empty, so long lists come from Hub's pages alone.")
    request = Registry(url, transport).tag_names(SAMPLE, RequestBudget(seconds=seconds))
    try:
        await _in_time(request, seconds)
    except HubFailure as failure:
        return _failed(setup, "hub_registry_url", failure)
    return ok(f"{url} lists tags{_via_proxy(setup)}.")


async def _account(setup: Setup, client: HubClient, seconds: float) -> CheckResult:
    """Whether Hub accepts the bridge's account; Hub counts this as a login."""
    given = setup.config.account
    if given is None:
        return skipped("The bridge has none (hub_username is empty): Hub's anonymous limits apply.")
    try:
        await _in_time(client.sign_in(SAMPLE, RequestBudget(seconds=seconds)), seconds)
    except Unauthorized as refusal:
        return wrong(
            f"Docker Hub does not let {given.user} in: {refusal}.",
            f"Check hub_username, and put its token with public read access in {SECRET}.",
        )
    except HubFailure as failure:
        return _failed(setup, "hub_url", failure)
    return ok(f"Docker Hub lets {given.user} in.")


def _clock(reply: Reply, now: datetime) -> CheckResult | None:
    """Whether `now` agrees with the Date of Hub's reply; None if the reply has none."""
    try:
        date = parsedate_to_datetime(reply.headers.get("Date", ""))
    except ValueError:
        return None
    ahead = round((now - (date if date.tzinfo else date.replace(tzinfo=UTC))).total_seconds())
    if abs(ahead) <= CLOCK_TOLERANCE:
        return ok("It agrees with Docker Hub's.")
    return wrong(
        f"This machine's clock is {abs(ahead):,} s {'ahead of' if ahead > 0 else 'behind'} Docker "
        "Hub's, so the bridge misjudges when tokens and rate limits expire.",
        "Set it right: timedatectl set-ntp true.",
    )


async def _in_time(request: Coroutine[Any, Any, _T], seconds: float) -> _T:
    """The result; raises Unreachable after that time, since resolving a name may take long."""
    try:
        async with asyncio.timeout(seconds):
            return await request
    except TimeoutError as late:
        raise Unreachable("no answer in time") from late


def _failed(setup: Setup, option: str, failure: HubFailure) -> CheckResult:
    url = setup.config.registry_url if option == "hub_registry_url" else setup.config.url
    sentence, remedy = diagnose(failure, option)
    unused = without_user_info(getproxies().get("https", ""), mask="").rstrip("/")
    if isinstance(failure, Unreachable) and unused and not setup.proxy:
        remedy = (
            f"The environment names the proxy {unused}, which mitmproxy does not use by itself: "
            f"-m upstream:{unused}."
        )
    return wrong(f"{url} cannot be used. {sentence}", remedy)


def _via_proxy(setup: Setup) -> str:
    return f", by way of {setup.proxy}" if setup.proxy else ""
