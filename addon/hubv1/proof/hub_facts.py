"""What the code assumes of Docker Hub beside its tags: the retired API v1, limits, accounts, and
what Docker retires next."""

from base64 import urlsafe_b64decode
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

from hubv1.hub import Reply
from hubv1.proof.fact import Certainty, Evidence, FactTable, found_in, status_is
from hubv1.proof.probes import SMALL, Json, NotAsked, Probes
from hubv1.proof.tag_facts import CAPPED, FIRST_PAGE, REFERENCE, tags_path

TABLE = FactTable()
"""Filled by what follows."""

_DEPRECATED_V1 = "[Docker Hub API v1](https://docs.docker.com/reference/api/hub/deprecated/)"
_DEPRECATED_V2 = "[deprecated Hub endpoints](https://docs.docker.com/reference/api/hub/deprecated/)"
_TOKEN_LIVES = 600


# API v1


@TABLE.fact(
    1,
    "`GET /v1/repositories/{name}/tags` is retired: hub.docker.com answers 410.",
    _DEPRECATED_V1,
    "2022-09-05",
    "api/routes.py",
)
async def _v1_tags(probes: Probes) -> Evidence:
    return status_is(await probes.hub(f"/v1/repositories/{SMALL}/tags"), probes, 410)


@TABLE.fact(
    2,
    "`GET /v1/repositories/{name}/tags/{tag}` is retired: hub.docker.com answers 410.",
    _DEPRECATED_V1,
    "2022-09-05",
    "api/routes.py",
)
async def _v1_tag(probes: Probes) -> Evidence:
    return status_is(await probes.hub(f"/v1/repositories/{SMALL}/tags/latest"), probes, 410)


@TABLE.fact(
    3,
    "`GET /v1/repositories/{name}/images` is retired: hub.docker.com answers 410.",
    _DEPRECATED_V1,
    "2022-09-05",
    "api/routes.py",
)
async def _v1_images(probes: Probes) -> Evidence:
    return status_is(await probes.hub(f"/v1/repositories/{SMALL}/images"), probes, 410)


@TABLE.fact(
    4,
    "index.docker.io has retired API v1 as well: its `/tags` answers 410.",
    _DEPRECATED_V1,
    "2022-09-05",
    "api/routes.py",
)
async def _v1_index(probes: Probes) -> Evidence:
    return status_is(await probes.index(f"/v1/repositories/{SMALL}/tags"), probes, 410)


@TABLE.fact(
    5,
    "What a retired route says beside its status: headers and body.",
    "nobody has published it",
    "2026",
    "calls/answering.py",
    known=Certainty.UNKNOWN,
)
async def _v1_body(probes: Probes) -> Evidence:
    reply = await probes.hub(f"/v1/repositories/{SMALL}/tags")
    kind = reply.headers.get("Content-Type", "no Content-Type")
    return Evidence(None, f"{probes.shown(reply)} ({kind})")


@TABLE.fact(
    6,
    "`GET index.docker.io/v1/search` is served still: JSON with `results`.",
    "`docker search` and `podman search` ask it",
    "2026",
    "api/routes.py",
)
async def _search(probes: Probes) -> Evidence:
    return found_in(await probes.index("/v1/search?q=hello-world&n=1"), probes, results=list)


# Limits, clock and accounts


@TABLE.fact(
    27,
    "Answers of API v2 tell the rate limit: `X-RateLimit-Limit` and `X-RateLimit-Remaining`.",
    "[usage and limits](https://docs.docker.com/docker-hub/usage/)",
    "2025",
    "hub/throttle.py",
)
async def _rate(probes: Probes) -> Evidence:
    headers = (await probes.hub(FIRST_PAGE)).headers
    figures = [headers.get(f"X-RateLimit-{name}", "missing") for name in ("Limit", "Remaining")]
    return Evidence(all(each.isdecimal() for each in figures), f"{figures[1]} of {figures[0]} left")


@TABLE.fact(
    28,
    "`X-RateLimit-Reset` is a unix time, at most a minute ahead.",
    "[usage and limits](https://docs.docker.com/docker-hub/usage/)",
    "2025",
    "hub/throttle.py",
)
async def _reset(probes: Probes) -> Evidence:
    reply = await probes.hub(FIRST_PAGE)
    reset = reply.headers.get("X-RateLimit-Reset", "missing")
    if not reset.isdecimal():
        return Evidence(holds=False, text=f"it is {reset!r}")
    ahead = int(reset) - round(_date(reply).timestamp())
    return Evidence(-1 <= ahead <= 61, f"{ahead} s ahead")


@TABLE.fact(
    29,
    "How many calls a minute Hub allows.",
    "180 was seen in 2021 and 2025",
    "2025",
    "proof/proving.py",
    known=Certainty.UNKNOWN,
)
async def _allowed(probes: Probes) -> Evidence:
    headers = (await probes.hub(FIRST_PAGE)).headers
    return Evidence(None, headers.get("X-RateLimit-Limit", "no X-RateLimit-Limit"))


@TABLE.fact(
    49,
    "A 429 names in `X-Retry-After` the unix time from which on it would answer.",
    "[usage and limits](https://docs.docker.com/docker-hub/usage/)",
    "2025",
    "hub/throttle.py",
)
async def _too_many(probes: Probes) -> Evidence:
    refusals = [reply for reply in probes.replies if reply.status == 429]
    if not refusals:
        return Evidence(None, "not asked: nobody exceeds a limit to see")
    until = refusals[0].headers.get("X-Retry-After", "missing")
    is_time = until.isdecimal() and int(until) > 1_000_000_000
    return Evidence(is_time, f"X-Retry-After: {until}")


@TABLE.fact(
    30,
    "Answers tell Hub's time in `Date`.",
    "[RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#name-date)",
    "2022",
    "doctor/hub_checks.py",
)
async def _clock(probes: Probes) -> Evidence:
    reply = await probes.hub(FIRST_PAGE)
    try:
        return Evidence(holds=True, text=f"{_date(reply):%Y-%m-%d %H:%M:%S} UTC")
    except NotAsked as reason:
        return Evidence(holds=False, text=str(reason))


@TABLE.fact(
    31,
    "A token that Hub does not know is 401, also for what everybody may read.",
    REFERENCE,
    "2026-08",
    "hub/auth.py",
    known=Certainty.ONE_SOURCE,
)
async def _bad_token(probes: Probes) -> Evidence:
    return status_is(await probes.hub(tags_path(SMALL, "/latest"), token="none"), probes, 401)  # noqa: S106  # no secret


@TABLE.fact(
    32,
    "`POST /v2/auth/token` with `identifier` and `secret` gives an `access_token`.",
    REFERENCE,
    "2026-08",
    "hub/auth.py",
)
async def _login(probes: Probes) -> Evidence:
    return found_in(await probes.login(), probes, access_token=str)


@TABLE.fact(
    33,
    "Such a token lives ten minutes.",
    REFERENCE,
    "2026-08",
    "hub/auth.py",
)
async def _life(probes: Probes) -> Evidence:
    claims = _claims(await probes.token())
    begin, end = claims.get("iat"), claims.get("exp")
    if not isinstance(begin, int | float) or not isinstance(end, int | float):
        return Evidence(None, "the token does not tell")
    seconds = round(end - begin)
    return Evidence(seconds >= _TOKEN_LIVES, f"{seconds} s")


@TABLE.fact(
    34,
    "With such a token one may page beyond offset 1000.",
    "[dotCMS #37025](https://github.com/dotCMS/core/issues/37025)",
    "2026-08-11",
    "hub/client.py",
)
async def _signed(probes: Probes) -> Evidence:
    return status_is(await probes.hub(CAPPED, await probes.token()), probes, 200)


# What Docker retires next


@TABLE.fact(
    35,
    "`GET /v2/repositories/{namespace}/{name}/tags`, which is not documented, is served still.",
    "many tools ask it",
    "2026-08",
    "",
)
async def _twin(probes: Probes) -> Evidence:
    reply = await probes.hub(f"/v2/repositories/{SMALL}/tags?page_size=1")
    return found_in(reply, probes, count=int, results=list)


@TABLE.fact(
    36,
    "`GET /v2/repositories/{namespace}` is deprecated, and served still.",
    _DEPRECATED_V2,
    "2025-06-27",
    "",
)
async def _old_list(probes: Probes) -> Evidence:
    reply = await probes.hub("/v2/repositories/library?page_size=1")
    return found_in(reply, probes, results=list)


@TABLE.fact(
    37,
    "`GET /v2/repositories/{namespace}/{name}` is deprecated, and served still.",
    _DEPRECATED_V2,
    "2025-09-19",
    "",
)
async def _old_repository(probes: Probes) -> Evidence:
    return found_in(await probes.hub(f"/v2/repositories/{SMALL}"), probes, name=str)


@TABLE.fact(
    38,
    "`GET /v2/namespaces/{namespace}/repositories` takes the place of the former.",
    _DEPRECATED_V2,
    "2025-06-27",
    "",
)
async def _new_list(probes: Probes) -> Evidence:
    reply = await probes.hub("/v2/namespaces/library/repositories?page_size=1")
    return found_in(reply, probes, results=list)


@TABLE.fact(
    39,
    "`GET /v2/namespaces/{namespace}/repositories/{name}` takes the place of the latter.",
    _DEPRECATED_V2,
    "2025-09-19",
    "",
)
async def _new_repository(probes: Probes) -> Evidence:
    reply = await probes.hub(tags_path(SMALL).removesuffix("/tags"))
    return found_in(reply, probes, name=str)


def _date(reply: Reply) -> datetime:
    """Hub's own time; raises NotAsked where it does not tell."""
    given = reply.headers.get("Date", "")
    try:
        return parsedate_to_datetime(given).astimezone(UTC)
    except ValueError:
        raise NotAsked(f"Date is {given!r}") from None


def _claims(token: str) -> Json:
    """What a JSON web token says; nothing where it is none."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        return msgspec.json.decode(claims, type=dict[str, object])
    except (ValueError, msgspec.DecodeError):
        return {}
