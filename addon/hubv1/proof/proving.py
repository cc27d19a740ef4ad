"""Replacements compared with what callers get today: the bridge's answer to a call, and the output
of the snippet that the report shows instead.

Requests stay within Docker Hub's rate limit: after each answer there is a pause in proportion to
its requests.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlsplit

from hubv1.api.names import is_tag, repository_or_none
from hubv1.api.routes import Call, Listing, Route, route_named
from hubv1.calls import Limits, Result, answer_call
from hubv1.hub import ANONYMOUS, Basic, HubClient, Transport
from hubv1.proof.comparison import Answered, Compared, Conclusion, Reading, compare
from hubv1.proof.probes import DOCKERS, Hosts, Probes
from hubv1.proof.registry_facts import token_service
from hubv1.proof.snippet_runner import (
    RateLimitReached,
    SnippetRunner,
    Urls,
    reading_of,
    snippet_to_run,
)
from hubv1.replacements import Replacement, Snippet, replacement
from hubv1.report import Finding, Proof, ProofKey, ProofResult, key_of

PROOF_PACE = 0.75
"""Seconds of pause for each request of an answer. With those of the snippets, which are as many, it
makes at most 160 requests a minute."""
LONGEST_WAIT = 90
"""The longest wait, in seconds, after a 429; if it is longer or happens again, the rest is left for
another day."""
MISSING_TAG = "no-such-tag-0f2c"
"""A tag that no repository has: a replacement must notice that it is missing, too."""

MOST_TAGS = 3
"""How many tags of a repository to ask for, besides the missing one."""

_DEADLINE = 60
_MOST_NAMES = 20
_RESULTS = {
    Conclusion.EQUAL: ProofResult.EQUAL,
    Conclusion.DIFFERENT: ProofResult.DIFFERS,
    Conclusion.UNSETTLED: ProofResult.UNPROVEN,
}
_NO_ACCOUNT = "it signs in: --username NAME proves it"
_NO_TOOL = "no snippet runs here: it takes bash, jq and curl or skopeo, or Python"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A replacement to prove, for all findings that share it."""

    key: ProofKey
    route: Route
    tags: Sequence[str] = ()
    """The tags to ask for, if it is about single tags."""

    @property
    def in_words(self) -> str:
        """The replacement in words: `tags of library/debian`."""
        listing, repository, is_signed = self.key
        return f"{listing} of {repository}{', signed in' if is_signed else ''}"


@dataclass(frozen=True, slots=True)
class Prover:
    """Compares replacements with what the bridge answers."""

    client: HubClient
    runner: SnippetRunner
    urls: Urls
    tools: Sequence[str]
    """The titles of snippets to choose from."""
    account: Basic | None = None
    pace: float = PROOF_PACE

    async def prove(self, candidate: Candidate) -> Proof:
        """The proof of a replacement. Raises RateLimitReached."""
        listing, repository, is_signed = candidate.key
        told = partial(
            Proof, listing=listing, repository=repository, signed=is_signed, at=datetime.now(UTC)
        )
        snippet = snippet_to_run(self._replacement(candidate, ""), self.tools)
        if is_signed and self.account is None:
            return told(result=ProofResult.UNPROVEN, reason=_NO_ACCOUNT)
        if snippet is None:
            return told(result=ProofResult.UNPROVEN, reason=_NO_TOOL)
        found = await self._compared(candidate)
        return told(
            result=_RESULTS[found.conclusion],
            tool=snippet.title,
            compared=found.compared,
            missing=found.missing[:_MOST_NAMES],
            missing_count=len(found.missing),
            extra=found.extra[:_MOST_NAMES],
            extra_count=len(found.extra),
            reason=found.reason,
        )

    async def _compared(self, candidate: Candidate) -> Compared:
        if candidate.key[0] is not Listing.TAG:
            return await self._compared_once(candidate, "")
        tags = [*candidate.tags[:MOST_TAGS], MISSING_TAG]
        return _combined({tag: await self._compared_once(candidate, tag) for tag in tags})

    async def _compared_once(self, candidate: Candidate, tag: str) -> Compared:
        """Compare a list, or one tag."""
        snippet = snippet_to_run(self._replacement(candidate, tag), self.tools)
        assert snippet  # noqa: S101  # `prove` found one
        return await compare(
            partial(self._from_bridge, candidate, tag),
            partial(self._from_snippet, candidate, snippet, tag),
            in_order=candidate.key[0] is Listing.TAGS,
        )

    async def _from_bridge(self, candidate: Candidate, tag: str) -> Reading:
        listing, repository, is_signed = candidate.key
        call = Call(candidate.route, repository_or_none(*repository.split("/", 1)), tag or None)
        credentials = self.account if is_signed and self.account else ANONYMOUS
        result = await answer_call(call, self.client, Limits(_DEADLINE), credentials)
        await asyncio.sleep(self.pace * result.upstream_calls)
        found = _reading_of(result, listing)
        return _as_list(found, tag) if tag else found

    async def _from_snippet(self, candidate: Candidate, snippet: Snippet, tag: str) -> Reading:
        listing, _, is_signed = candidate.key
        finished = await self.runner.run(self.urls.put_into(snippet), is_signed=is_signed)
        found = reading_of(finished, is_list=listing is not Listing.TAG)
        if listing is Listing.IMAGES:
            digests = (name.removeprefix("sha256:") for name in found.names)
            return Reading(found.answered, tuple(digests), found.reason)
        return _as_list(found, tag) if tag else found

    def _replacement(self, candidate: Candidate, tag: str) -> Replacement:
        _, repository, is_signed = candidate.key
        named = repository_or_none(*repository.split("/", 1))
        # The key says already whether a paged list needs an account.
        return replacement(candidate.route, named, tag, signed=is_signed, paged=False)


async def find_urls(hosts: Hosts, transport: Transport) -> Urls:
    """The URLs for snippets; raises NotAsked if the registry's token service is not trusted."""
    if hosts.registry == DOCKERS.registry:
        return Urls(hub=hosts.hub)
    auth = await token_service(Probes(hosts, transport))
    return Urls(hosts.hub, hosts.registry, auth, urlsplit(hosts.registry).netloc)


async def prove_all(
    candidates: Sequence[Candidate], prover: Prover, tell: Callable[[Candidate, Proof], object]
) -> str:
    """Prove the candidates in turn; `tell` hears of each. Returns why the rest was left, if any."""
    for candidate in candidates:
        try:
            proof = await _prove_or_wait(candidate, prover)
        except RateLimitReached as limit:
            return f"{limit}. The rest is left for another time."
        tell(candidate, proof)
    return ""


async def _prove_or_wait(candidate: Candidate, prover: Prover) -> Proof:
    try:
        return await prover.prove(candidate)
    except RateLimitReached as limit:
        if limit.seconds > LONGEST_WAIT:
            raise
        await asyncio.sleep(limit.seconds)
    return await prover.prove(candidate)


def candidates_of(
    findings: Sequence[Finding],
    known: Mapping[ProofKey, Proof],
    tags: Mapping[str, Sequence[str]],
    *,
    can_sign_in: bool,
) -> list[Candidate]:
    """The replacements of these findings: those that were never proven, the busiest first, and then
    those with the oldest proofs; last those that need an account if there is none.

    `tags` has the tags that callers asked for, by repository.
    """
    found: dict[ProofKey, Candidate] = {}
    for finding in findings:
        key = key_of(finding)
        if key is None or repository_or_none(*key[1].split("/", 1)) is None or key in found:
            continue
        route = route_named(finding.route)
        asked = [tag for tag in tags.get(key[1], ()) if is_tag(tag)]
        found[key] = Candidate(key, route, asked or ("latest",))
    never = datetime.min.replace(tzinfo=UTC)

    def rank(each: Candidate) -> tuple[bool, datetime]:
        last = known[each.key].at if each.key in known else never
        return each.key[2] and not can_sign_in, last

    return sorted(found.values(), key=rank)


def _reading_of(result: Result, listing: Listing) -> Reading:
    status, body = result.answer.status, result.answer.body
    if status == 404:
        return Reading(Answered.ABSENT)
    if status == 200:
        return Reading(Answered.FOUND, _NAMES[listing](json.loads(body)))
    if result.error_type == "rate_limited":
        raise RateLimitReached(int(dict(result.answer.headers)["Retry-After"]))
    said = f"the bridge answers {status} itself: {result.error or result.error_type}"
    return Reading(Answered.DISTURBED, reason=said)


_NAMES: Mapping[Listing, Callable[[Sequence[Mapping[str, str]]], tuple[str, ...]]] = {
    Listing.TAGS: lambda tags: tuple(tag["name"] for tag in tags),
    Listing.TAG: lambda _: (),
    Listing.IMAGES: lambda images: tuple(image["id"] for image in images),
}
"""The names in the bridge's answer, as a snippet prints them."""


def _combined(of_tags: Mapping[str, Compared]) -> Compared:
    """The result of the comparisons of single tags."""
    found = [*of_tags.values()]
    for conclusion in (Conclusion.DIFFERENT, Conclusion.UNSETTLED):
        those = [each for each in found if each.conclusion is conclusion]
        if those:
            return Compared(
                conclusion,
                missing=tuple(name for each in those for name in each.missing),
                extra=tuple(name for each in those for name in each.extra),
                reason="; ".join(dict.fromkeys(each.reason for each in those if each.reason)),
            )
    return Compared(Conclusion.EQUAL, len(found))


def _as_list(found: Reading, tag: str) -> Reading:
    """A reading of a single tag as a list with or without it."""
    if found.answered in (Answered.FOUND, Answered.ABSENT):
        return Reading(Answered.FOUND, (tag,) if found.answered is Answered.FOUND else ())
    return found
