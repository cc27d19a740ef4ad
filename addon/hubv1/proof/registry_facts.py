"""Facts about the registry and its token service."""

import re
from urllib.parse import urlencode, urlsplit

from hubv1.hub import Reply
from hubv1.proof.fact import Certainty, Evidence, FactTable, Source, found_in, status_is
from hubv1.proof.probes import LARGE, SMALL, Hosts, NotAsked, Probes, json_of
from hubv1.proof.tag_facts import FIRST_PAGE

SERVICE = "registry.docker.io"
AUTH = "https://auth.docker.io"

TABLE = FactTable()

_CHALLENGES = Source(
    "[token authentication](https://distribution.github.io/distribution/spec/auth/token/)", "2026"
)
_DISTRIBUTION = Source(
    "[OCI distribution](https://github.com/opencontainers/distribution-spec)", "2026"
)
_GO = "[go-containerregistry](https://github.com/google/go-containerregistry)"
_DEFAULT = Source(f"{_GO} has it as default", "2026")
_SEEN = Source("15,590 names of library/php came in one answer", "2026")
_NOWHERE = "library/no-such-repository-0f2c"
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


@TABLE.fact(40, _CHALLENGES, "hub/registry.py")
async def _challenged(probes: Probes) -> Evidence:
    """`tags/list` without a token is 401, with `WWW-Authenticate: Bearer` and the token service."""
    reply = await probes.registry(f"/v2/{SMALL}/tags/list")
    given = reply.headers.get("WWW-Authenticate", "no WWW-Authenticate")
    holds = reply.status == 401 and {*challenge_of(reply)} >= {"realm", "service", "scope"}
    return Evidence(holds, f"{reply.status}: {given}")


@TABLE.fact(41, _CHALLENGES, "hub/registry.py")
async def _realm(probes: Probes) -> Evidence:
    """The token service is https://auth.docker.io/token, or has the registry's own origin."""
    realm = (await _challenge(probes)).get("realm", "missing")
    return Evidence(is_trusted(realm, probes.hosts), realm)


@TABLE.fact(42, _CHALLENGES, "replacements/tags.curl")
async def _service(probes: Probes) -> Evidence:
    """The registry calls itself `registry.docker.io` there."""
    service = (await _challenge(probes)).get("service", "missing")
    return Evidence(service == SERVICE, service)


@TABLE.fact(43, _CHALLENGES, "hub/registry.py")
async def _token(probes: Probes) -> Evidence:
    """The token service gives anybody a `token` for a public repository."""
    reply = await _asked_for_token(probes, SMALL)
    return found_in(reply, probes, token=str)


@TABLE.fact(44, _DISTRIBUTION, "hub/registry.py")
async def _list(probes: Probes) -> Evidence:
    """With it `tags/list` is 200: JSON with `name` and `tags`."""
    return found_in(await _listed(probes, SMALL), probes, name=str, tags=list)


@TABLE.fact(45, _SEEN, "replacements/tags.curl", Certainty.ONE_SOURCE)
async def _at_once(probes: Probes) -> Evidence:
    """`tags/list` has all names of a long list at once: no `Link` to a next page."""
    reply = await _listed(probes, LARGE)
    if reply.status != 200:
        return Evidence(holds=False, text=probes.shown(reply))
    link = reply.headers.get("Link", "")
    return Evidence(not link, f"{_length(reply):,} names, {f'Link: {link}' if link else 'no Link'}")


@TABLE.fact(46, _SEEN, "hub/client.py", Certainty.ONE_SOURCE)
async def _as_many(probes: Probes) -> Evidence:
    """The registry lists no fewer names than Hub counts."""
    count = json_of(await probes.hub(FIRST_PAGE)).get("count")
    found = _length(await _listed(probes, LARGE))
    if not isinstance(count, int):
        return Evidence(None, "Hub gave no count")
    return Evidence(found >= count, f"{found:,} names, Hub counts {count:,}")


@TABLE.fact(47, _DISTRIBUTION, "hub/client.py", Certainty.ONE_SOURCE)
async def _nowhere(probes: Probes) -> Evidence:
    """A repository that is not there is no list: 401, 403 or 404, also with a token for it."""
    return status_is(await _listed(probes, _NOWHERE), probes, 401, 403, 404)


@TABLE.fact(48, _DEFAULT, "api/routes.py")
async def _index(probes: Probes) -> Evidence:
    """`index.docker.io/v2/` is the registry API, not Hub's API v2: 401 with a Bearer challenge."""
    reply = await probes.index("/v2/")
    is_challenged = reply.status == 401 and "realm" in challenge_of(reply)
    return Evidence(is_challenged, str(reply.status) if is_challenged else probes.shown(reply))


def challenge_of(reply: Reply) -> dict[str, str]:
    """The parameters of a Bearer challenge; empty if there is none."""
    scheme, _, rest = reply.headers.get("WWW-Authenticate", "").partition(" ")
    return dict(_PARAMETER.findall(rest)) if scheme.lower() == "bearer" else {}


async def _challenge(probes: Probes) -> dict[str, str]:
    """The registry's challenge to requests without a token."""
    return challenge_of(await probes.registry(f"/v2/{SMALL}/tags/list"))


def is_trusted(realm: str, hosts: Hosts) -> bool:
    """Whether the bridge would send credentials to this token service."""
    parts, registry = urlsplit(realm), urlsplit(hosts.registry)
    origin = f"{parts.scheme}://{parts.netloc}"
    return origin in (AUTH, f"{registry.scheme}://{registry.netloc}")


async def token_service(probes: Probes) -> str:
    """The URL of the token service without `/token`; raises NotAsked if it is not trusted."""
    realm = (await _challenge(probes)).get("realm", "")
    if not is_trusted(realm, probes.hosts) or not realm.endswith("/token"):
        raise NotAsked(f"{probes.hosts.registry} names no token service of its own or Docker's")
    return realm.removesuffix("/token")


async def _asked_for_token(probes: Probes, repository: str) -> Reply:
    """The token service's reply to a request to pull; raises NotAsked if it is not trusted."""
    challenge = await _challenge(probes)
    realm = challenge.get("realm", "")
    if not is_trusted(realm, probes.hosts):
        raise NotAsked("the registry names no token service that is its own or Docker's")
    scope = f"repository:{repository}:pull"
    return await probes.get(
        f"{realm}?{urlencode({'service': challenge.get('service', ''), 'scope': scope})}"
    )


async def _listed(probes: Probes, repository: str) -> Reply:
    """The registry's list of tags, with an anonymous token."""
    token = json_of(await _asked_for_token(probes, repository)).get("token")
    if not isinstance(token, str):
        raise NotAsked("the token service gave no token")
    return await probes.registry(f"/v2/{repository}/tags/list", token)


def _length(reply: Reply) -> int:
    tags = json_of(reply).get("tags")
    return len(tags) if isinstance(tags, list) else 0
