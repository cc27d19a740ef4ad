"""Answering one recognised call: with v1's bytes, made from API v2, or with an error."""

import asyncio
import logging
from dataclasses import dataclass, replace

from hubv1.api import translation, v2
from hubv1.api.names import Repository
from hubv1.api.routes import Call, Listing, Outcome
from hubv1.api.translation import PLAIN, Answer, Headers, answer, problem
from hubv1.hub import ANONYMOUS, Anonymous, Credentials, HubClient, RequestBudget
from hubv1.turns import in_turns

logger = logging.getLogger(__name__)

_NEVER_SHORTENED = "A shortened list is never given"

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
"""The status and outcome of each error that a client may get in place of v1's answer."""

_DETAILS = {
    "loop": "this request came back to the bridge that sent it",
    "not_recorded": "this call could not be recorded, and hub_journal_required says not to serve "
    "it then",
    "restarting": "the bridge is being restarted: try again",
    "client_left": "the client left before it had an answer",
}
"""The details of errors that always mean the same; nobody reads the last one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The options about answers."""

    deadline: float  # seconds within which a caller gets an answer
    challenge: bool = False
    """Whether an anonymous caller's 404 becomes a 401, for clients that wait for one."""


@dataclass(frozen=True, slots=True)
class Result:
    """An answer and how it came about."""

    answer: Answer
    outcome: Outcome
    error_type: str = ""  # one word for the reason of an error, a stale answer or a 401
    error: str = ""  # the reason for people
    upstream_calls: int = 0
    upstream_requests: tuple[str, ...] = ()  # each with its status and count
    source: str = ""  # this and the next two as in CallRecord
    tags_listed: int | None = None
    cache: str = ""
    refused: str = ""  # as in RequestBudget
    freshness: int = 0  # seconds until a stale answer expires, so a negative number
    age: int = 0  # seconds since Hub gave a cached answer

    @property
    def is_complete(self) -> bool:
        """Whether this is a full v1 answer rather than an error."""
        return self.outcome is Outcome.TRANSLATED and self.answer.status == 200

    @property
    def cache_status(self) -> str:
        """The parameters of RFC 9211's Cache-Status."""
        if self.cache == "stale":
            # `fwd=stale` without a status would say that Hub has answered 200.
            return f"; hit; ttl={self.freshness}; detail={self.error_type}"
        return _CACHE_STATUS[self.cache]

    def cache_headers(self, cache_name: str) -> Headers:
        """Cache-Status, and for a cached answer the Age that RFC 9111 (4) requires.

        An answer that needed neither cache nor Hub has a bare name, by which people can find the
        bridge, although RFC 9211 (2) would rather have no header then.
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

    `caller` is the caller's name, so that no caller takes up all connections.
    """
    if call.repository is None or not call.is_possible:
        return _impossible_name(call)
    budget = RequestBudget(credentials, limits.deadline, caller)
    try:
        async with asyncio.timeout(limits.deadline):
            answer = await _translated(call.repository, call, hub, budget)
        result = Result(answer, Outcome.TRANSLATED)
    except TimeoutError:
        last = f"; at last {budget.trouble}" if budget.trouble else ""
        too_late = v2.Unreachable(f"no complete answer within {budget.seconds:g} s{last}")
        result = _without_answer(call, too_late)
    except v2.NotFound:
        # Hub answers anonymous callers 404 for private repositories too.
        is_challenged = limits.challenge and isinstance(credentials, Anonymous)
        absence = translation.UNAUTHORIZED if is_challenged else _absence(call)
        result = Result(absence, Outcome.TRANSLATED)
    except v2.HubFailure as hub_failure:
        result = _without_answer(call, hub_failure)
    except Exception as error:
        # If a hook raises, mitmproxy sends the request to the dead host.
        logger.exception("The bridge failed on %s", call)
        result = failure("internal", f"the bridge failed: {type(error).__name__}")
    finally:
        budget.room.free()
    return replace(
        result,
        upstream_calls=budget.upstream_calls,
        upstream_requests=tuple(
            request if times == 1 else f"{request}, {times} times"
            for request, times in budget.requests.items()
        ),
        source=budget.source,
        tags_listed=budget.tags_listed,
        refused=budget.refused,
    )


def failure(code: str, detail: str = "", *, retry_after: int = 0) -> Result:
    """An error of the bridge's own, with a detail for people and `retry_after` in seconds."""
    status, outcome = PROBLEMS.get(code, (502, Outcome.FAILED))
    detail = detail or _DETAILS[code]
    headers = [("Retry-After", str(retry_after))] if retry_after else []
    return Result(problem(status, code, detail, *headers), outcome, code, detail)


def redirected(successor: str) -> Result:
    """A redirect to the v2 call.

    308 keeps the method; the query is left out, since v1's means nothing to v2.
    """
    headers = (("Location", successor), ("Cache-Control", "no-store"))  # the mode may change
    return Result(answer(308, PLAIN, b"", *headers), Outcome.REDIRECTED)


def gone(successor: str) -> Result:
    """The 410 of a retired API."""
    instead = f" Call {successor} instead." if successor else ""
    detail = f"Docker Hub API v1 has been retired.{instead}"
    return Result(problem(410, "gone", detail), Outcome.GONE)


async def _translated(
    repository: Repository, call: Call, hub: HubClient, budget: RequestBudget
) -> Answer:
    match call.route.listing:
        case Listing.TAG:
            return translation.one_tag(await hub.tag(repository, str(call.tag), budget))
        case Listing.IMAGES:
            return await in_turns(translation.image_list(await hub.tags(repository, budget)))
        case Listing.PAGE:
            page = await hub.page(repository, call.target, budget)
            kind = page.headers.get("Content-Type", translation.JSON)
            return answer(page.status, kind, page.body)
        case _:
            return await in_turns(translation.tag_list(await hub.tag_names(repository, budget)))


def _absence(call: Call) -> Answer:
    """The 404 of the route: clients of `/tags/{tag}` compare its text."""
    return translation.UNKNOWN_TAG if call.is_for_tag else translation.UNKNOWN_REPOSITORY


def _impossible_name(call: Call) -> Result:
    """v1's 404 for a name that Hub does not allow, which needs no request."""
    what = "tag" if call.repository and call.route.listing is Listing.TAG else "repository"
    detail = f"Docker Hub allows no such {what} name"
    return Result(_absence(call), Outcome.REFUSED, "impossible_name", detail)


def _without_answer(call: Call, why: v2.HubFailure) -> Result:
    """The error for a failure of Hub's hosts, which is never a 404."""
    match why:
        case v2.Unauthorized():
            return Result(translation.UNAUTHORIZED, Outcome.TRANSLATED, why.code, str(why))
        case v2.RateLimited():
            return failure(why.code, str(why), retry_after=why.seconds)
        case v2.Incomplete():
            return failure(why.code, f"{why}. {_NEVER_SHORTENED}{_how_to_complete(call)}")
        case v2.TooLong():
            return failure(why.code, f"{why}. {_NEVER_SHORTENED}{_what_to_ask_instead(call)}")
        case _:
            return failure(why.code, str(why))


def _how_to_complete(call: Call) -> str:
    ways = (
        "Send the credentials of a Docker account with the call, or give the bridge an account: "
        "hub_username, and its secret or a token with public read access in the environment as "
        "HUB_SECRET."
    )
    if call.route.listing is Listing.IMAGES:
        return f". {ways}"
    return (
        f", and the registry did not help out. {ways} Or ask the registry yourself: skopeo "
        f"list-tags docker://docker.io/{call.repository}"
    )


def _what_to_ask_instead(call: Call) -> str:
    return (
        f". Ask for the one tag that is meant (/v1/repositories/{call.repository}/tags/TAG), or "
        "let API v2 filter by a part of the name: "
        f"https://hub.docker.com{call.replacement_path}?page_size=100&name=PART"
    )
