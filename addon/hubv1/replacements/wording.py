"""The sentences: what to do about a call, what becomes of its fields, what to look out for."""

from dataclasses import dataclass

from hubv1.api.names import Repository
from hubv1.api.routes import Listing, Route, Verdict


@dataclass(frozen=True, slots=True)
class Field:
    """What became of a field of v1's answer."""

    old: str
    new: str
    """Empty where nothing takes its place."""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Advice:
    """What is said about the calls for a listing."""

    instead: str
    """What to do, beside the code that does it."""
    change: str
    """What to do with the pages of Hub's own v2, for programs that read a report."""
    fields: tuple[Field, ...]
    notes: tuple[str, ...]
    """What to look out for."""


_PAGES = (
    "Hub's own pages (page_size=100, until next is null) have the same names, but end with 403 at "
    "about 1,000 tags where one does not sign in."
)
_LONG_LISTS = (
    "Beyond about 1,000 tags Hub answers 403 where one does not sign in; for fewer, no token is "
    "needed."
)
_NO_TOOL = (
    "No tool lists the images of a whole repository; skopeo inspect --raw has those of a tag."
)

_ADVICE = {
    Listing.TAGS: Advice(
        "Take the names from the registry's list: all in one call, signed in or not.",
        "Read pages of 100 (page_size=100) until next is null, take results[].name and sort; "
        "beyond about 1,000 tags v2 wants a Bearer token.",
        (
            Field("name", "results[].name", "tags[] in the registry's list"),
            Field("layer", "", "empty in v1's last years"),
        ),
        (_PAGES,),
    ),
    Listing.TAG: Advice(
        "Ask v2 for the tag: 200 and 404 mean what they did.",
        "200 and 404 mean what they did; the tag's digest takes the place of the id.",
        (Field("pk", "id"), Field("id", "digest", "its first 8 hex digits, after sha256:")),
        (
            "curl -f fails on 429 and 5xx too: what is missing should be built on 404 alone.",
            "skopeo inspect --raw counts as a pull; curl, crane digest and regctl do not.",
        ),
    ),
    Listing.IMAGES: Advice(
        "Read all pages of the tags and take the digests of their images.",
        "Read pages of 100 (page_size=100) until next is null and take results[].images[].digest.",
        (
            Field(
                "id", "results[].images[].digest", "results[].digest where a tag lists no images"
            ),
            Field("checksum", "", "empty in v1's last years"),
        ),
        (
            _LONG_LISTS,
            _NO_TOOL,
        ),
    ),
}
"""For each listing that v2 still has."""

SIGNED_NOTE = "DOCKER_TOKEN is an access token with read access; export both variables."

_IMPOSSIBLE = "Docker Hub allows no such name: look at how the caller puts the path together."
_WRONG_PATH = "Look at how the caller puts the path together."
_PUSH = "Push with a current docker, skopeo or crane."
_BY_PATH = {
    "/v1/repositories/{name}/auth": "Let docker, skopeo or crane log in; a script gets a token at "
    "https://auth.docker.io/token.",
    "/v1/repositories/{name}": "Ask v2 for its tags.",
    "/v1/users/…": "Send identifier and secret as JSON to https://hub.docker.com/v2/auth/token "
    "(POST), or let docker login check them.",
    "/v1/_ping": "Upgrade the client; the registry API v2 is at https://registry-1.docker.io/v2/.",
    "/v1/images/…": "Pull with a current docker, skopeo or crane.",
}
_UNKNOWN = "Make the report with the version of the bridge that wrote the journal."


def advice_for(route: Route) -> Advice | None:
    """What is said about calls of a route that another call replaces; None where none does."""
    is_pull = route.docker_token
    return None if route.listing is None or is_pull else _ADVICE.get(route.listing)


def change_for(route: Route, repository: Repository | None) -> str:
    """What to change, in one sentence that a person can act on."""
    advice = advice_for(route)
    if advice is None:
        return route.sentence
    return advice.change if repository else _IMPOSSIBLE


def instead_of(route: Route) -> str:
    """What to do about a call that no other call replaces."""
    if route.verdict is Verdict.SERVED:
        return "Nothing has to change yet."
    if route.docker_token:
        return "Upgrade the Docker Engine: from 1.6 on it pulls by the registry API v2 by itself."
    if route.listing is Listing.NOTHING:
        return _WRONG_PATH
    path = route.path.replace("{namespace}/", "")
    if path == "/v1/repositories/…":
        return _PUSH if route.successor else _WRONG_PATH
    return _BY_PATH.get(path, _UNKNOWN)
