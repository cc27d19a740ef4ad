"""Facts about Docker Hub besides its tags: the retired API v1, limits, accounts, and what Docker
retires next."""

from base64 import urlsafe_b64decode
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

from hubv1.hub import Reply
from hubv1.proof.fact import Certainty, Evidence, FactTable, Source, found_in, status_is
from hubv1.proof.probes import SMALL, Json, NotAsked, Probes
from hubv1.proof.tag_facts import CAPPED, FIRST_PAGE, PAGING, REFERENCE, tags_path

TABLE = FactTable()

_DEPRECATED = "https://docs.docker.com/reference/api/hub/deprecated/"
_V1 = Source(f"[Docker Hub API v1]({_DEPRECATED})", "2022-09-05")
_OLD_LIST = Source(f"[deprecated Hub endpoints]({_DEPRECATED})", "2025-06-27")
_OLD_REPOSITORY = _OLD_LIST._replace(date="2025-09-19")
_LIMITS = Source("[usage and limits](https://docs.docker.com/docker-hub/usage/)", "2025")
_RFC_9110 = Source("[RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#name-date)", "2022")
_SEEN_LIMIT = Source("180 was seen in 2021 and 2025", "2025")
_TOKEN_LIVES = 600


# API v1


@TABLE.fact(1, _V1, "api/routes.py")
async def _v1_tags(probes: Probes) -> Evidence:
    """`GET /v1/repositories/{name}/tags` is retired: hub.docker.com answers 410."""
    return status_is(await probes.hub(f"/v1/repositories/{SMALL}/tags"), probes, 410)


@TABLE.fact(2, _V1, "api/routes.py")
async def _v1_tag(probes: Probes) -> Evidence:
    """`GET /v1/repositories/{name}/tags/{tag}` is retired: hub.docker.com answers 410."""
    return status_is(await probes.hub(f"/v1/repositories/{SMALL}/tags/latest"), probes, 410)


@TABLE.fact(3, _V1, "api/routes.py")
async def _v1_images(probes: Probes) -> Evidence:
    """`GET /v1/repositories/{name}/images` is retired: hub.docker.com answers 410."""
    return status_is(await probes.hub(f"/v1/repositories/{SMALL}/images"), probes, 410)


@TABLE.fact(4, _V1, "api/routes.py")
async def _v1_index(probes: Probes) -> Evidence:
    """index.docker.io has retired API v1 as well: its `/tags` answers 410."""
    return status_is(await probes.index(f"/v1/repositories/{SMALL}/tags"), probes, 410)


@TABLE.fact(5, Source("nobody has published it", "2026"), "calls/answering.py", Certainty.UNKNOWN)
async def _v1_body(probes: Probes) -> Evidence:
    """What a retired route says beside its status: headers and body."""
    reply = await probes.hub(f"/v1/repositories/{SMALL}/tags")
    kind = reply.headers.get("Content-Type", "no Content-Type")
    return Evidence(None, f"{probes.shown(reply)} ({kind})")


@TABLE.fact(6, Source("`docker search` and `podman search` ask it", "2026"), "api/routes.py")
async def _search(probes: Probes) -> Evidence:
    """`GET index.docker.io/v1/search` is served still: JSON with `results`."""
    return found_in(await probes.index("/v1/search?q=hello-world&n=1"), probes, results=list)


# Limits, clock and accounts


@TABLE.fact(27, _LIMITS, "hub/throttle.py")
async def _rate(probes: Probes) -> Evidence:
    """Answers of API v2 tell the rate limit: `X-RateLimit-Limit` and `X-RateLimit-Remaining`."""
    headers = (await probes.hub(FIRST_PAGE)).headers
    figures = [headers.get(f"X-RateLimit-{name}", "missing") for name in ("Limit", "Remaining")]
    return Evidence(all(each.isdecimal() for each in figures), f"{figures[1]} of {figures[0]} left")


@TABLE.fact(28, _LIMITS, "hub/throttle.py")
async def _reset(probes: Probes) -> Evidence:
    """`X-RateLimit-Reset` is a unix time, at most a minute ahead."""
    reply = await probes.hub(FIRST_PAGE)
    reset = reply.headers.get("X-RateLimit-Reset", "missing")
    if not reset.isdecimal():
        return Evidence(holds=False, text=f"it is {reset!r}")
    ahead = int(reset) - round(_date(reply).timestamp())
    return Evidence(-1 <= ahead <= 61, f"{ahead} s ahead")


@TABLE.fact(29, _SEEN_LIMIT, "proof/proving.py", Certainty.UNKNOWN)
async def _allowed(probes: Probes) -> Evidence:
    """How many calls a minute Hub allows."""
    headers = (await probes.hub(FIRST_PAGE)).headers
    return Evidence(None, headers.get("X-RateLimit-Limit", "no X-RateLimit-Limit"))


@TABLE.fact(49, _LIMITS, "hub/throttle.py")
async def _too_many(probes: Probes) -> Evidence:
    """A 429 names in `X-Retry-After` the unix time from which on it would answer."""
    refusals = [reply for reply in probes.replies if reply.status == 429]
    if not refusals:
        return Evidence(None, "not asked: nobody exceeds a limit to see")
    until = refusals[0].headers.get("X-Retry-After", "missing")
    is_time = until.isdecimal() and int(until) > 1_000_000_000
    return Evidence(is_time, f"X-Retry-After: {until}")


@TABLE.fact(30, _RFC_9110, "doctor/hub_checks.py")
async def _clock(probes: Probes) -> Evidence:
    """Answers tell Hub's time in `Date`."""
    reply = await probes.hub(FIRST_PAGE)
    try:
        return Evidence(holds=True, text=f"{_date(reply):%Y-%m-%d %H:%M:%S} UTC")
    except NotAsked as reason:
        return Evidence(holds=False, text=str(reason))


@TABLE.fact(31, REFERENCE, "hub/auth.py", Certainty.ONE_SOURCE)
async def _bad_token(probes: Probes) -> Evidence:
    """A token that Hub does not know is 401, also for what everybody may read."""
    return status_is(await probes.hub(tags_path(SMALL, "/latest"), token="none"), probes, 401)  # noqa: S106  # no secret


@TABLE.fact(32, REFERENCE, "hub/auth.py")
async def _login(probes: Probes) -> Evidence:
    """`POST /v2/auth/token` with `identifier` and `secret` gives an `access_token`."""
    return found_in(await probes.login(), probes, access_token=str)


@TABLE.fact(33, REFERENCE, "hub/auth.py")
async def _life(probes: Probes) -> Evidence:
    """Such a token lives ten minutes."""
    claims = _claims(await probes.token())
    begin, end = claims.get("iat"), claims.get("exp")
    if not isinstance(begin, int | float) or not isinstance(end, int | float):
        return Evidence(None, "the token does not tell")
    seconds = round(end - begin)
    return Evidence(seconds >= _TOKEN_LIVES, f"{seconds} s")


@TABLE.fact(34, PAGING, "hub/client.py")
async def _signed(probes: Probes) -> Evidence:
    """With such a token one may page beyond offset 1000."""
    return status_is(await probes.hub(CAPPED, await probes.token()), probes, 200)


# What Docker retires next


@TABLE.fact(35, Source("many tools ask it", "2026-08"), "")
async def _twin(probes: Probes) -> Evidence:
    """`GET /v2/repositories/{namespace}/{name}/tags`, which is not documented, is served still."""
    reply = await probes.hub(f"/v2/repositories/{SMALL}/tags?page_size=1")
    return found_in(reply, probes, count=int, results=list)


@TABLE.fact(36, _OLD_LIST, "")
async def _old_list(probes: Probes) -> Evidence:
    """`GET /v2/repositories/{namespace}` is deprecated, and served still."""
    reply = await probes.hub("/v2/repositories/library?page_size=1")
    return found_in(reply, probes, results=list)


@TABLE.fact(37, _OLD_REPOSITORY, "")
async def _old_repository(probes: Probes) -> Evidence:
    """`GET /v2/repositories/{namespace}/{name}` is deprecated, and served still."""
    return found_in(await probes.hub(f"/v2/repositories/{SMALL}"), probes, name=str)


@TABLE.fact(38, _OLD_LIST, "")
async def _new_list(probes: Probes) -> Evidence:
    """`GET /v2/namespaces/{namespace}/repositories` takes the place of the former."""
    reply = await probes.hub("/v2/namespaces/library/repositories?page_size=1")
    return found_in(reply, probes, results=list)


@TABLE.fact(39, _OLD_REPOSITORY, "")
async def _new_repository(probes: Probes) -> Evidence:
    """`GET /v2/namespaces/{namespace}/repositories/{name}` takes the place of the latter."""
    reply = await probes.hub(tags_path(SMALL).removesuffix("/tags"))
    return found_in(reply, probes, name=str)


def _date(reply: Reply) -> datetime:
    """The time of Hub's clock; raises NotAsked if the reply has none."""
    given = reply.headers.get("Date", "")
    try:
        return parsedate_to_datetime(given).astimezone(UTC)
    except ValueError:
        raise NotAsked(f"Date is {given!r}") from None


def _claims(token: str) -> Json:
    """The claims of a JSON web token; empty if it is none."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        return msgspec.json.decode(claims, type=dict[str, object])
    except (ValueError, msgspec.DecodeError):
        return {}
