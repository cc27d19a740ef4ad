"""From a recognised call to its answer: the one way through client and translation."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from hubv1 import translation
from hubv1.answers import PLAIN, Answer, Headers, answer, problem
from hubv1.credentials import ANONYMOUS, Anonymous, Credentials
from hubv1.failures import (
    HubFailure,
    Incomplete,
    NotFound,
    RateLimited,
    TooLong,
    Unauthorized,
    Unreachable,
)
from hubv1.hub import HubClient, RequestBudget
from hubv1.names import Repository
from hubv1.outcome import Outcome
from hubv1.recognition import Call
from hubv1.routes import Listing

logger = logging.getLogger(__name__)

_SHORT_LIST = 5_000
_T = TypeVar("_T")

_CACHE_STATUS = {
    "hit": "; hit",
    "collapsed": "; fwd=uri-miss; collapsed",
    "miss": "; fwd=uri-miss",
    "bypass": "; fwd=bypass",
    "": "",
}

TROUBLES = {
    "forbidden": (403, Outcome.REFUSED),
    "rate_limited": (429, Outcome.REFUSED),
    "incomplete": (502, Outcome.REFUSED),
    "too_long": (502, Outcome.REFUSED),
    "nonsense": (502, Outcome.FAILED),
    "unreachable": (502, Outcome.FAILED),
    "internal": (502, Outcome.FAILED),
    "loop": (508, Outcome.FAILED),
    "not_recorded": (503, Outcome.REFUSED),
}
"""Status and outcome for each way in which no v1 answer can be made."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The conditions under which calls are answered."""

    deadline: float
    """Seconds that a caller waits at most."""
    challenge: bool = False
    """Whether an anonymous caller's 404 becomes a 401, for clients that wait for one."""
    caller: str = ""
    """Who called, so that no caller takes up all connections."""


@dataclass(frozen=True, slots=True)
class Result:
    """An answer and how it came about."""

    answer: Answer
    outcome: Outcome
    error_type: str = ""
    """What went wrong, in one word: why there is no v1 answer, or an old one, or a 401."""
    error: str = ""
    """The same for people."""
    upstream_calls: int = 0
    asked: tuple[str, ...] = ()
    """What Docker's hosts were asked for it, and how often, one place and status each."""
    source: str = ""
    """Where the answer comes from: `hub`, `registry`, or `account` where the bridge's own had to
    read on; empty where nobody was asked."""
    tags_listed: int | None = None
    """How many tags the repository has; None where no list was asked for."""
    refused: str = ""
    """How the registry refused the caller where Hub was down: `unauthorized`, `forbidden` or
    `not_found`."""
    cache: str = ""
    """How far equal calls shared it: `hit`, `stale`, `collapsed`, `miss`, or `bypass` where none
    are kept; empty where nobody was asked."""
    freshness: int = 0
    """Of a stale one: the seconds for which it could have been reused still, so a negative
    number."""
    age: int = 0
    """Of one that was kept: the seconds since Hub gave it."""

    @property
    def is_complete(self) -> bool:
        """Whether this is an answer in full, and not an error of any kind."""
        return self.outcome is Outcome.TRANSLATED and self.answer.status == 200

    @property
    def cache_status(self) -> str:
        """The parameters of RFC 9211's Cache-Status."""
        if self.cache == "stale":
            # Not `fwd=stale`: without a status that would say that Hub has answered 200.
            return f"; hit; ttl={self.freshness}; detail={self.error_type}"
        return _CACHE_STATUS[self.cache]

    def cache_headers(self, cache_name: str) -> Headers:
        """Cache-Status, and the Age that RFC 9111 (4) wants of an answer that was kept.

        Where nobody was asked there is a bare name: neither a hit nor forwarded. RFC 9211 (2)
        would rather have no header there, but whoever greps for it finds the bridge by it.
        """
        status = ("Cache-Status", cache_name + self.cache_status)
        return (status, ("Age", str(self.age))) if self.cache in ("hit", "stale") else (status,)


async def answer_call(
    call: Call, hub: HubClient, terms: Terms, credentials: Credentials = ANONYMOUS
) -> Result:
    """The v1 answer to `call`, or the error that stands for it, within the deadline."""
    if not call.is_possible or call.repository is None:
        return impossible(call)
    budget = RequestBudget(credentials, terms.deadline, terms.caller)
    try:
        async with asyncio.timeout(terms.deadline):
            answer = await _translated(call.repository, call, hub, budget)
    except TimeoutError:
        result = _in_place_of(call, _too_late(budget))
    except NotFound:
        is_challenged = terms.challenge and isinstance(credentials, Anonymous)
        result = Result(_absent(call, is_challenged=is_challenged), Outcome.TRANSLATED)
    except HubFailure as failure:
        result = _in_place_of(call, failure)
    except Exception as error:
        # A hook that raises lets the request through as it is; a fault of ours must not.
        logger.exception("The bridge failed on %s", call)
        result = _trouble("internal", f"the bridge failed: {type(error).__name__}")
    else:
        result = Result(answer, Outcome.TRANSLATED)
    finally:
        budget.room.free()
    return replace(
        result,
        upstream_calls=budget.upstream_calls,
        asked=tuple(
            what if times == 1 else f"{what}, {times} times" for what, times in budget.asked.items()
        ),
        source=budget.source,
        tags_listed=budget.tags_listed,
        refused=budget.refused,
    )


async def _translated(
    repository: Repository, call: Call, hub: HubClient, budget: RequestBudget
) -> Answer:
    match call.route.listing:
        case Listing.TAG:
            return translation.one_tag(await hub.tag(repository, str(call.tag), budget))
        case Listing.IMAGES:
            tags = await hub.tags(repository, budget)
            return await _in_turns(translation.image_list, tags)
        case _:
            names = await hub.tag_names(repository, budget)
            return await _in_turns(translation.tag_list, names)


async def _in_turns(translate: Callable[[list[_T]], Answer], values: list[_T]) -> Answer:
    """The translation; that of a long list in a thread, where other traffic gets its turns."""
    if len(values) <= _SHORT_LIST:
        return translate(values)
    return await asyncio.to_thread(translate, values)


def _absent(call: Call, *, is_challenged: bool) -> Answer:
    if is_challenged:
        # What Hub shows to nobody may be private, and theirs.
        return translation.unauthorized()
    is_tag = call.route.listing is Listing.TAG
    return translation.unknown_tag() if is_tag else translation.unknown_repository()


def _too_late(budget: RequestBudget) -> Unreachable:
    last = f"; at last {budget.trouble}" if budget.trouble else ""
    return Unreachable(f"no complete answer within {budget.seconds:g} s{last}")


def came_round() -> Result:
    """For a request that this bridge itself sent."""
    return _trouble("loop", "this request came back to the bridge that sent it")


def redirected(successor: str) -> Result:
    """For a caller that is to learn the way itself.

    308 keeps the method; the query of v1 means nothing to v2, so it is left out.
    """
    headers = (("Location", successor), ("Cache-Control", "no-store"))  # the mode may change
    return Result(answer(308, PLAIN, b"", *headers), Outcome.REDIRECTED)


def gone(successor: str) -> Result:
    """For a caller that is to see what the end of v1 will be like."""
    instead = f" Call {successor} instead." if successor else ""
    said = f"Docker Hub API v1 has been retired.{instead}"
    return Result(problem(410, "gone", said), Outcome.GONE)


def abandoned() -> Result:
    """For a client that is gone; its flow needs an answer all the same, or it would go upstream."""
    said = "the client left before it had an answer"
    return Result(problem(502, "client_left", said), Outcome.FAILED, "client_left", said)


def unrecorded() -> Result:
    """For a call that has to be written down and cannot be."""
    return _trouble(
        "not_recorded",
        "this call could not be recorded, and hub_journal_required says not to serve it then",
    )


def impossible(call: Call) -> Result:
    """A name that Hub does not allow: the 404 of v1, without asking anybody."""
    wrong_tag = call.repository is not None and call.route.listing is Listing.TAG
    return Result(
        translation.unknown_tag() if wrong_tag else translation.unknown_repository(),
        Outcome.REFUSED,
        "impossible_name",
        f"Docker Hub allows no such {'tag' if wrong_tag else 'repository'} name",
    )


def _in_place_of(call: Call, failure: HubFailure) -> Result:
    """What a caller gets where Hub gave no value to translate; no failure is an absence."""
    said = str(failure)
    if isinstance(failure, Unauthorized):
        return Result(translation.unauthorized(), Outcome.TRANSLATED, failure.code, said)
    if isinstance(failure, Incomplete):
        said = f"{said}. {_how_to_complete(call)}"
    if isinstance(failure, TooLong):
        said = f"{said}. {_what_to_ask_instead(call)}"
    return _trouble(failure.code, said, *_retry_after(failure))


def _trouble(code: str, said: str, *headers: tuple[str, str]) -> Result:
    status, outcome = TROUBLES[code]
    return Result(problem(status, code, said, *headers), outcome, code, said)


def _retry_after(failure: HubFailure) -> tuple[tuple[str, str], ...]:
    return (("Retry-After", str(failure.seconds)),) if isinstance(failure, RateLimited) else ()


def _how_to_complete(call: Call) -> str:
    ways = (
        "Send the credentials of a Docker account with the call, or give the bridge an account: "
        "hub_username, and its secret or a token with public read access in the environment as "
        "HUB_SECRET."
    )
    if call.route.listing is Listing.IMAGES:
        return f"A shortened list is never given. {ways}"
    return (
        f"A shortened list is never given, and the registry did not help out. {ways} Or ask the "
        f"registry yourself: skopeo list-tags docker://docker.io/{call.repository}"
    )


def _what_to_ask_instead(call: Call) -> str:
    repository = call.repository
    filtered = (
        f"https://hub.docker.com/v2/namespaces/{repository.namespace}/repositories/"
        f"{repository.name}/tags?page_size=100&name="
        if repository
        else ""
    )
    return (
        "A shortened list is never given. Ask for the one tag that is meant "
        f"(/v1/repositories/{repository}/tags/TAG), or let API v2 filter by a part of the name: "
        f"{filtered}PART"
    )
