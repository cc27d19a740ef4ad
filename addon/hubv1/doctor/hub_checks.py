"""Whether Docker's hosts answer, let the account in, and agree with this machine about the time."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from hubv1.api import v2
from hubv1.api.names import Repository
from hubv1.api.v2 import HubFailure, Unauthorized, Unreachable
from hubv1.config import SECRET
from hubv1.doctor.diagnosis import diagnose
from hubv1.doctor.setup import CheckResult, Setup, ok, skipped, wrong
from hubv1.hub import HubClient, Registry, Reply, Request, RequestBudget, Transport

SAMPLE = Repository("library", "hello-world")
"""A small repository that everybody may read, and that Docker keeps for such trials."""

CLOCK_TOLERANCE = 60
"""Seconds that this clock and Hub's may differ."""

_T = TypeVar("_T")


async def hub(
    setup: Setup, transport: Transport, seconds: float
) -> tuple[CheckResult, Reply | None]:
    """Whether API v2 answers; and its reply, if there was one."""
    url = setup.settings.url
    sample = f"{url}/v2/namespaces/{SAMPLE.namespace}/repositories/{SAMPLE.name}/tags/latest"
    budget = RequestBudget(seconds=seconds)
    request = transport.send(Request("GET", sample, {}), budget)
    reply: Reply | None = None
    try:
        reply = await _in_time(request, seconds)
        transport.decode(reply, v2.read_tag, budget)
    except HubFailure as failure:
        return _failed(setup, "Docker Hub", "hub_url", failure), reply
    return ok("Docker Hub", f"{url} answers{_via_proxy(setup)}."), reply


async def registry(setup: Setup, transport: Transport, seconds: float) -> CheckResult:
    """Whether the registry lists tags, its token service included."""
    url = setup.settings.registry_url
    if not url:
        return skipped(
            "registry", "hub_registry_url is empty, so long lists come from Hub's pages alone."
        )
    request = Registry(url, transport).tag_names(SAMPLE, RequestBudget(seconds=seconds))
    try:
        await _in_time(request, seconds)
    except HubFailure as failure:
        return _failed(setup, "registry", "hub_registry_url", failure)
    return ok("registry", f"{url} lists tags{_via_proxy(setup)}.")


async def account(setup: Setup, client: HubClient, seconds: float) -> CheckResult:
    """Whether Hub lets the bridge's own account in. It counts as a login there."""
    given = setup.settings.account
    if given is None:
        return skipped(
            "account", "There is none (hub_username is empty): Hub's anonymous limits hold."
        )
    try:
        await _in_time(client.sign_in(SAMPLE, RequestBudget(seconds=seconds)), seconds)
    except Unauthorized as refusal:
        return wrong(
            "account",
            f"Docker Hub does not let {given.user} in: {refusal}.",
            f"Look at hub_username, and put its token with public read access in {SECRET}.",
        )
    except HubFailure as failure:
        return _failed(setup, "account", "hub_url", failure)
    return ok("account", f"Docker Hub lets {given.user} in.")


def clock(reply: Reply | None, now: datetime) -> CheckResult:
    """Whether `now` agrees with the Date of Hub's reply: tokens, limits and brownouts go by it."""
    hubs = _date(reply)
    if hubs is None:
        return skipped("clock", "Docker Hub did not tell its time.")
    ahead = round((now - hubs).total_seconds())
    if abs(ahead) <= CLOCK_TOLERANCE:
        return ok("clock", "It agrees with Docker Hub's.")
    return wrong(
        "clock",
        f"This machine's is {abs(ahead):,} s {'ahead of' if ahead > 0 else 'behind'} Docker Hub's: "
        "tokens and rate limits would be taken for over, or not.",
        "Set it right: timedatectl set-ntp true.",
    )


def _date(reply: Reply | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(reply.headers.get("Date", "") if reply else "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


async def _in_time(request: Coroutine[Any, Any, _T], seconds: float) -> _T:
    """The result, or Unreachable: a name may take longer to resolve than anybody waits."""
    try:
        async with asyncio.timeout(seconds):
            return await request
    except TimeoutError as late:
        raise Unreachable("no answer in time") from late


def _failed(setup: Setup, subject: str, option: str, failure: HubFailure) -> CheckResult:
    url = setup.settings.registry_url if option == "hub_registry_url" else setup.settings.url
    sentence, mend = diagnose(failure, option)
    unused_proxy = setup.environment_proxy
    if isinstance(failure, Unreachable) and unused_proxy and not setup.connections.proxy:
        mend = (
            f"The environment names the proxy {unused_proxy}, which mitmproxy does not use by "
            f"itself: -m upstream:{unused_proxy}."
        )
    return wrong(subject, f"{url} cannot be used. {sentence}", mend)


def _via_proxy(setup: Setup) -> str:
    return f", by way of {setup.connections.proxy}" if setup.connections.proxy else ""
