"""From a recognised call to its answer: the one way through client and translation."""

import asyncio
import logging
from dataclasses import dataclass, replace

from hubv1 import translation
from hubv1.answers import Answer, problem
from hubv1.failures import (
    HubFailure,
    Incomplete,
    NotFound,
    RateLimited,
    Unauthorized,
    Unreachable,
)
from hubv1.hub import Effort, HubClient
from hubv1.names import Repository
from hubv1.outcome import Outcome
from hubv1.recognition import Call
from hubv1.routes import Listing

logger = logging.getLogger(__name__)

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
    "nonsense": (502, Outcome.FAILED),
    "unreachable": (502, Outcome.FAILED),
    "internal": (502, Outcome.FAILED),
    "loop": (508, Outcome.FAILED),
}
"""Status and outcome for each way in which no v1 answer can be made."""


@dataclass(frozen=True, slots=True)
class Result:
    """An answer and how it came about."""

    answer: Answer
    outcome: Outcome
    error_type: str = ""
    """Why there is no v1 answer, in one word; empty where there is one."""
    error: str = ""
    """The same for people."""
    upstream_calls: int = 0
    source: str = ""
    """Where the answer comes from: `hub` or `registry`; empty where nobody was asked."""

    cache: str = ""
    """How far equal calls shared it: `hit`, `collapsed`, `miss`, or `bypass` where none are kept;
    empty where nobody was asked."""

    @property
    def is_complete(self) -> bool:
        """Whether this is an answer in full, and not an error of any kind."""
        return self.outcome is Outcome.TRANSLATED and self.answer.status == 200

    @property
    def cache_status(self) -> str:
        """The parameters of RFC 9211's Cache-Status."""
        return _CACHE_STATUS[self.cache]


async def answer_call(call: Call, hub: HubClient, deadline: float) -> Result:
    """The v1 answer to `call`, or the error that stands for it, within `deadline` seconds."""
    if not call.is_possible or call.repository is None:
        return impossible(call)
    effort = Effort()
    try:
        async with asyncio.timeout(deadline):
            answer = await _translated(call.repository, call, hub, effort)
    except TimeoutError:
        result = _in_place_of(call, Unreachable(f"no complete answer within {deadline:g} s"))
    except HubFailure as failure:
        result = _in_place_of(call, failure)
    except Exception as error:
        # A hook that raises lets the request through as it is; a fault of ours must not.
        logger.exception("The bridge failed on %s", call)
        result = _trouble("internal", f"the bridge failed: {type(error).__name__}")
    else:
        result = Result(answer, Outcome.TRANSLATED)
    return replace(result, upstream_calls=effort.upstream_calls, source=effort.source)


async def _translated(repository: Repository, call: Call, hub: HubClient, effort: Effort) -> Answer:
    match call.route.listing:
        case Listing.TAG:
            return translation.one_tag(await hub.tag(repository, str(call.tag), effort))
        case Listing.IMAGES:
            return translation.image_list(await hub.tags(repository, effort))
        case _:
            return translation.tag_list(await hub.tag_names(repository, effort))


def came_round() -> Result:
    """For a request that this bridge itself sent."""
    return _trouble("loop", "this request came back to the bridge that sent it")


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
    """What a caller gets where Hub gave no value to translate.

    No failure may look like an absence: only Hub's own 404 becomes one.
    """
    if isinstance(failure, NotFound):
        is_tag = call.route.listing is Listing.TAG
        absent = translation.unknown_tag() if is_tag else translation.unknown_repository()
        return Result(absent, Outcome.TRANSLATED)
    if isinstance(failure, Unauthorized):
        return Result(translation.unauthorized(), Outcome.TRANSLATED)
    said = str(failure)
    if isinstance(failure, Incomplete):
        said = f"{said}. {_how_to_complete(call)}"
    return _trouble(failure.code, said, *_retry_after(failure))


def _trouble(code: str, said: str, *headers: tuple[str, str]) -> Result:
    status, outcome = TROUBLES[code]
    return Result(problem(status, code, said, *headers), outcome, code, said)


def _retry_after(failure: HubFailure) -> tuple[tuple[str, str], ...]:
    return (("Retry-After", str(failure.seconds)),) if isinstance(failure, RateLimited) else ()


def _how_to_complete(call: Call) -> str:
    if call.route.listing is Listing.IMAGES:
        return (
            "A shortened list is never given; with a Bearer token API v2 gives the rest of "
            f"{call.replacement_path}"
        )
    return (
        "A shortened list is never given, and the registry did not help out; ask it yourself: "
        f"skopeo list-tags docker://docker.io/{call.repository}"
    )
