"""Whether Docker's hosts can be asked, by anybody and with the bridge's own account."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from hubv1.api import v2
from hubv1.api.errors import HubFailure, Unauthorized, Unreachable
from hubv1.api.names import Repository
from hubv1.check.causes import in_words
from hubv1.check.finding import Finding, skipped, sound, wrong
from hubv1.check.setup import Setup
from hubv1.config import SECRET
from hubv1.hub import HubClient, Inquiry, Transport
from hubv1.hub.messages import Reply, Request
from hubv1.hub.reading import value_of
from hubv1.hub.registry import Registry
from hubv1.hub.upstream import Upstream

SAMPLE = Repository("library", "hello-world")
"""A small repository that everybody may read, and that Docker keeps for such trials."""

_T = TypeVar("_T")


async def hub(setup: Setup, transport: Transport, seconds: float) -> tuple[Finding, Reply | None]:
    """Whether API v2 answers; and its reply, if there was one."""
    url = setup.settings.url
    sample = f"{url}/v2/namespaces/{SAMPLE.namespace}/repositories/{SAMPLE.name}/tags/latest"
    asking = transport.send(Request("GET", sample, {}), Inquiry(seconds=seconds))
    reply: Reply | None = None
    try:
        reply = await _in_time(asking, seconds)
        value_of(reply, v2.read_tag, setup.via)
    except HubFailure as failure:
        return _failed(setup, "Docker Hub", "hub_url", failure), reply
    return sound("Docker Hub", f"{url} answers{_by_way(setup)}."), reply


async def registry(setup: Setup, transport: Transport, seconds: float) -> Finding:
    """Whether the registry lists tags, its token service included."""
    url = setup.settings.registry_url
    if not url:
        return skipped(
            "registry", "hub_registry_url is empty, so long lists come from Hub's pages alone."
        )
    asking = Registry(url, Upstream(transport)).tag_names(SAMPLE, Inquiry(seconds=seconds))
    try:
        await _in_time(asking, seconds)
    except HubFailure as failure:
        return _failed(setup, "registry", "hub_registry_url", failure)
    return sound("registry", f"{url} lists tags{_by_way(setup)}.")


async def account(setup: Setup, client: HubClient, seconds: float) -> Finding:
    """Whether Hub lets the bridge's own account in. It counts as a login there."""
    given = setup.settings.account
    if given is None:
        return skipped(
            "account", "There is none (hub_username is empty): Hub's anonymous limits hold."
        )
    try:
        await _in_time(client.sign_in(SAMPLE, Inquiry(seconds=seconds)), seconds)
    except Unauthorized as refusal:
        return wrong(
            "account",
            f"Docker Hub does not let {given.user} in: {refusal}.",
            f"Look at hub_username, and put its token with public read access in {SECRET}.",
        )
    except HubFailure as failure:
        return _failed(setup, "account", "hub_url", failure)
    return sound("account", f"Docker Hub lets {given.user} in.")


async def _in_time(asking: Coroutine[Any, Any, _T], seconds: float) -> _T:
    """What is asked for, or Unreachable: names may take longer to resolve than anybody waits."""
    try:
        async with asyncio.timeout(seconds):
            return await asking
    except TimeoutError as late:
        raise Unreachable("no answer in time") from late


def _failed(setup: Setup, subject: str, option: str, failure: HubFailure) -> Finding:
    url = setup.settings.registry_url if option == "hub_registry_url" else setup.settings.url
    sentence, mend = in_words(failure, option)
    passed_over = setup.environment_proxy
    if isinstance(failure, Unreachable) and passed_over and not setup.connections.proxy:
        mend = (
            f"The environment names the proxy {passed_over}, which mitmproxy does not use by "
            f"itself: -m upstream:{passed_over}."
        )
    return wrong(subject, f"{url} cannot be used. {sentence}", mend)


def _by_way(setup: Setup) -> str:
    return f", by way of {setup.connections.proxy}" if setup.connections.proxy else ""
