"""Replacements proven against a stand-in, by the snippets as they are."""

import asyncio
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from aiohttp import web

from hubv1.api.routes import Listing, route_named
from hubv1.hub import Basic, HubClient, Transport
from hubv1.proof import TOOLS, Candidate, Prover, SnippetRunner, Urls, prove_all
from hubv1.report import Proof, ProofResult
from standin import Catalog, Standin
from standin.rules import Action, Proceed

BASE = "GET /v1/repositories/{namespace}/{name}"
ROUTES = {
    Listing.TAGS: f"{BASE}/tags",
    Listing.TAG: f"{BASE}/tags/{{tag_name}}",
    Listing.IMAGES: f"{BASE}/images",
}
ACCOUNT = Basic("acme", "secret-of-acme")


def catalog() -> Catalog:
    """Repositories of every length that makes a difference, one of them private."""
    made = Catalog(accounts={ACCOUNT.user: ACCOUNT.secret})
    made.add("acme/none")
    made.add("acme/three", ["12", "latest", "13.1-slim"])
    made.add_generated("acme/pages", 250)
    made.add_generated("acme/long", 1_500)
    made.add_generated("acme/private", 250, private=True)
    return made


def candidate(
    listing: Listing, name: str, *tags: str, repository: str = "acme", signed: bool = False
) -> Candidate:
    key = listing, f"{repository}/{name}", signed
    return Candidate(key, route_named(ROUTES[listing]), tags)


def prove(
    hub: Standin,
    *candidates: Candidate,
    tools: Sequence[str] = (TOOLS["python"],),
    account: Basic | None = None,
    pace: float = 0,
    left: Callable[[str], object] = lambda _: None,
) -> list[Proof]:
    """What comes of it; `left` hears why the rest was left."""
    proofs: list[Proof] = []

    async def running() -> None:
        client = HubClient(hub.url, hub.registry_url, Transport("1.1 prove", "the-bridge"))
        images = urlsplit(hub.registry_url).netloc
        urls = Urls(hub.url, hub.registry_url, hub.auth_url, images)
        runner = SnippetRunner(hub.registry_url, account)
        prover = Prover(client, runner, urls, tools, account, pace)
        try:
            left(await prove_all(candidates, prover, lambda _, proof: proofs.append(proof)))
        finally:
            await client.close()

    asyncio.run(running())
    return proofs


def results(proofs: Sequence[Proof]) -> set[ProofResult]:
    return {proof.result for proof in proofs}


def for_snippets(action: Action) -> Action:
    """The action for whoever is not the bridge, so that what is the same for both can differ."""

    async def act(request: web.Request, proceed: Proceed) -> web.StreamResponse:
        if request.headers.get("User-Agent") == "the-bridge":
            return await proceed()
        return await action(request, proceed)

    return act
