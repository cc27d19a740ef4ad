"""Answering one recognised call: v1's bytes from API v2, or the error that stands for them."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from hubv1.api import translation
from hubv1.api.names import Repository
from hubv1.api.routes import Call, Listing, Outcome
from hubv1.api.translation import PLAIN, Answer, Headers, answer, problem
from hubv1.api.v2 import (
    HubFailure,
    Incomplete,
    NotFound,
    RateLimited,
    TooLong,
    Unauthorized,
    Unreachable,
)
from hubv1.hub import ANONYMOUS, Anonymous, Credentials, HubClient, RequestBudget

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

PROBLEMS = {
    "forbidden": (403, Outcome.REFUSED),
    "rate_limited": (429, Outcome.REFUSED),
    "incomplete": (502, Outcome.REFUSED),
    "too_long": (502, Outcome.REFUSED),
    "nonsense": (502, Outcome.FAILED),
    "unreachable": (502, Outcome.FAILED),
    "internal": (502, Outcome.FAILED),
    "loop": (508, Outcome.FAILED),
    "not_recorded": (503, Outcome.REFUSED),
    "restarting": (503, Outcome.FAILED),
}
"""Status and outcome of each error that the bridge answers in place of v1."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the options say about answers."""

    deadline: float
    """Seconds within which a caller gets an answer."""
    challenge: bool = False
    """Whether an anonymous caller's 404 becomes a 401, for clients that wait for one."""


@dataclass(frozen=True, slots=True)
class Result:
    """An answer and how it came about."""

    answer: Answer
    outcome: Outcome
    error_type: str = ""
    """What went wrong, in one word: the reason for an error, an old answer or a 401."""
    error: str = ""
    """What went wrong, for people."""
    upstream_calls: int = 0
    upstream_requests: tuple[str, ...] = ()
    """The requests to Docker's hosts that it took, each with its status and how often."""
    source: str = ""
    """Where the answer comes from: `hub`, `registry`, or `account` where the bridge's own had to
    read on; empty where nobody was asked."""
    tags_listed: int | None = None
    """How many tags the repository has; None where no list was asked for."""
    refused: str = ""
    """How the registry refused the caller where Hub was down: `unauthorized`, `forbidden` or
    `not_found`."""
    cache: str = ""
    """`hit`, `stale`, `collapsed` (it is the answer of an equal call) or `miss`; `bypass` with the
    cache off, empty where nobody was asked."""
    freshness: int = 0
    """Seconds until a stale answer expires, so a negative number."""
    age: int = 0
    """Seconds since Hub gave a cached answer."""

    @property
    def is_complete(self) -> bool:
        """Whether this is a full v1 answer, and no error of any kind."""
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
    call: Call,
    hub: HubClient,
    limits: Limits,
    credentials: Credentials = ANONYMOUS,
    caller: str = "",
) -> Result:
    """Answer a call as v1 would have, or with an error that says why not, within the deadline.

    `caller` is the name of whoever called, so that none takes up all connections.
    """
    if not call.is_possible or call.repository is None:
        return impossible_name(call)
    budget = RequestBudget(credentials, limits.deadline, caller)
    try:
        async with asyncio.timeout(limits.deadline):
            answer = await _translated(call.repository, call, hub, budget)
    except TimeoutError:
        result = _failed(call, _too_late(budget))
    except NotFound:
        # What Hub hides from anonymous callers may be private, and theirs.
        is_challenged = limits.challenge and isinstance(credentials, Anonymous)
        absence = translation.unauthorized() if is_challenged else _absence(call)
        result = Result(absence, Outcome.TRANSLATED)
    except HubFailure as failure:
        result = _failed(call, failure)
    except Exception as error:
        # A hook that raises lets the request pass as it is; a fault of ours must not.
        logger.exception("The bridge failed on %s", call)
        result = internal_error(error)
    else:
        result = Result(answer, Outcome.TRANSLATED)
    finally:
        budget.room.free()
    return replace(
        result,
        upstream_calls=budget.upstream_calls,
        upstream_requests=tuple(
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


def _absence(call: Call) -> Answer:
    """The 404 of the route: clients of `/tags/{tag}` compare its text."""
    return translation.unknown_tag() if call.is_for_tag else translation.unknown_repository()


def _too_late(budget: RequestBudget) -> Unreachable:
    last = f"; at last {budget.trouble}" if budget.trouble else ""
    return Unreachable(f"no complete answer within {budget.seconds:g} s{last}")


def loop_detected() -> Result:
    """The answer to a request that this bridge itself sent."""
    return _problem("loop", "this request came back to the bridge that sent it")


def redirected(successor: str) -> Result:
    """Redirect to the v2 call.

    308 keeps the method; the query of v1 means nothing to v2, so it is left out.
    """
    headers = (("Location", successor), ("Cache-Control", "no-store"))  # the mode may change
    return Result(answer(308, PLAIN, b"", *headers), Outcome.REDIRECTED)


def gone(successor: str) -> Result:
    """Answer 410, as v1 will at its end."""
    instead = f" Call {successor} instead." if successor else ""
    said = f"Docker Hub API v1 has been retired.{instead}"
    return Result(problem(410, "gone", said), Outcome.GONE)


def client_left() -> Result:
    """The answer that nobody reads: a flow without one would go upstream."""
    said = "the client left before it had an answer"
    return Result(problem(502, "client_left", said), Outcome.FAILED, "client_left", said)


def internal_error(error: Exception) -> Result:
    """The answer where the bridge itself is at fault."""
    return _problem("internal", f"the bridge failed: {type(error).__name__}")


def unrecorded() -> Result:
    """Refuse a call that has to be recorded and cannot be."""
    return _problem(
        "not_recorded",
        "this call could not be recorded, and hub_journal_required says not to serve it then",
    )


def restarting() -> Result:
    """The answer to a call that is under way when the addon is unloaded or reloaded."""
    return _problem("restarting", "the bridge is being restarted: try again", ("Retry-After", "1"))


def impossible_name(call: Call) -> Result:
    """The 404 of v1 for a name that Hub does not allow, without asking anybody."""
    is_tag = call.repository is not None and call.route.listing is Listing.TAG
    return Result(
        _absence(call),
        Outcome.REFUSED,
        "impossible_name",
        f"Docker Hub allows no such {'tag' if is_tag else 'repository'} name",
    )


def _failed(call: Call, failure: HubFailure) -> Result:
    """What a caller gets where Hub gave no value to translate. No failure is told as a 404."""
    said = str(failure)
    if isinstance(failure, Unauthorized):
        return Result(translation.unauthorized(), Outcome.TRANSLATED, failure.code, said)
    if isinstance(failure, Incomplete):
        said = f"{said}. {_how_to_complete(call)}"
    if isinstance(failure, TooLong):
        said = f"{said}. {_what_to_ask_instead(call)}"
    return _problem(failure.code, said, *_retry_after(failure))


def _problem(code: str, said: str, *headers: tuple[str, str]) -> Result:
    status, outcome = PROBLEMS[code]
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
