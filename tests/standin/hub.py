"""hub.docker.com: API v2 as far as it is documented, its undocumented twin, what was retired."""

from __future__ import annotations

import json

from aiohttp import web
from aiohttp.typedefs import Handler

from . import uncertain
from .catalog import Repository
from .login import account_of, auth_token, users_login
from .paging import Page
from .replies import Refused, no_such_object, raw_reply, reply, retired
from .state import STATE, State

BASES = (
    "/v2/namespaces/{namespace}/repositories/{repository}",
    "/v2/repositories/{namespace}/{repository}",
)


def routes() -> list[web.RouteDef]:
    """What is not here is no page, `…/images` among it."""
    known = [web.route("*", "/v1{rest:(/.*)?}", v1)]
    for slash in ("", "/"):
        known += [
            web.post("/v2/auth/token" + slash, auth_token),
            web.post("/v2/users/login" + slash, users_login),
        ]
        for base in BASES:
            parent = base.removesuffix("/{repository}")
            known += [
                web.get(f"{parent}{slash}", repository_list),
                web.get(f"{base}{slash}", one_repository),
                web.get(f"{base}/tags{slash}", tag_list),
                web.get(f"{base}/tags/{{tag}}{slash}", one_tag),
            ]
    return known


@web.middleware
async def count_calls(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Rate headers on every answer of v2, and 429 beyond the limit where there is one."""
    if not request.path.startswith("/v2/"):
        return await handler(request)
    state = request.app[STATE]
    allowance = state.rates.spend(request.remote or "", state.now())
    if allowance.refused:
        return reply(uncertain.TOO_MANY_REQUESTS, 429, allowance.headers)
    response = await handler(request)
    response.headers.update(allowance.headers)
    return response


async def v1(request: web.Request) -> web.Response:
    return retired()


async def tag_list(request: web.Request) -> web.Response:
    state = request.app[STATE]
    account = account_of(request)
    repository = visible_repository(request, account)
    page = Page.asked(request.query, state.settings)
    if account is None and _beyond_anonymous(state, page):
        return reply(uncertain.OFFSET_TOO_LARGE, 403)
    names = repository.shelf.shuffled
    if part := request.query.get("name", ""):
        names = tuple(name for name in names if part in name)
    if not page.within(len(names)):
        return no_such_object(page=request.query.get("page", ""))
    shown = [repository.tag_json(name) for name in names[page.offset : page.offset + page.size]]
    return raw_reply(page.render(_own_url(request), names, shown))


async def one_tag(request: web.Request) -> web.Response:
    repository = visible_repository(request, account_of(request))
    name = request.match_info["tag"]
    if repository.tag(name) is None:
        return no_such_object(tag=name)
    return raw_reply(repository.tag_json(name))


async def repository_list(request: web.Request) -> web.Response:
    """The repositories of a namespace, a page of them; those of a rule cannot be listed."""
    state, namespace = request.app[STATE], request.match_info["namespace"]
    account = account_of(request)
    found = {
        each.name: each
        for each in state.catalog
        if each.namespace == namespace and each.visible_to(account)
    }
    page, names = Page.asked(request.query, state.settings), tuple(found)
    if not names or not page.within(len(names)):
        raise Refused(no_such_object(namespace=namespace))
    shown = names[page.offset : page.offset + page.size]
    records = [json.dumps(_record(found[name])) for name in shown]
    return raw_reply(page.render(_own_url(request), names, records))


async def one_repository(request: web.Request) -> web.Response:
    return reply(_record(visible_repository(request, account_of(request))))


def _record(repository: Repository) -> dict[str, object]:
    return {
        "name": repository.name,
        "namespace": repository.namespace,
        "repository_type": "image",
        "is_private": repository.owner is not None,
        "description": repository.description,
    }


def _own_url(request: web.Request) -> str:
    """The URL of the request, without its query."""
    return request.app[STATE].urls["hub"] + request.rel_url.raw_path


def visible_repository(request: web.Request, account: str | None) -> Repository:
    """The repository of the path; one that the account may not see is not there."""
    namespace, name = request.match_info["namespace"], request.match_info["repository"]
    found = request.app[STATE].catalog.find(namespace, name)
    if found is None or not found.visible_to(account):
        raise Refused(no_such_object(namespace=namespace, repository=name))
    return found


def _beyond_anonymous(state: State, page: Page) -> bool:
    return 0 <= state.settings.anonymous_offset <= page.offset
