"""What is said beside the snippets: fields, notes, and what to do where no call helps."""

from hubv1.report.snippets.model import Field
from hubv1.routes import Listing, Route, Verdict

FIELDS = {
    Listing.TAGS: (
        Field("name", "results[].name", "tags[] in the registry's list"),
        Field("layer", "", "empty in v1's last years"),
    ),
    Listing.TAG: (
        Field("pk", "id"),
        Field("id", "digest", "its first 8 hex digits, after sha256:"),
    ),
    Listing.IMAGES: (
        Field("id", "results[].images[].digest", "results[].digest where a tag lists no images"),
        Field("checksum", "", "empty in v1's last years"),
    ),
}

INSTEAD = {
    Listing.TAGS: "Take the names from the registry's list: all in one call, signed in or not.",
    Listing.TAG: "Ask v2 for the tag: 200 and 404 mean what they did.",
    Listing.IMAGES: "Read all pages of the tags and take the digests of their images.",
}

_PAGES = (
    "Hub's own pages (page_size=100, until next is null) have the same names, but end with 403 at "
    "about 1,000 tags where one does not sign in."
)
_LONG_LISTS = (
    "Beyond about 1,000 tags Hub answers 403 where one does not sign in; for fewer, no token is "
    "needed."
)
NOTES = {
    Listing.TAGS: (_PAGES,),
    Listing.TAG: (
        "curl -f fails on 429 and 5xx too: what is missing should be built on 404 alone.",
        "skopeo inspect --raw counts as a pull; curl, crane digest and regctl do not.",
    ),
    Listing.IMAGES: (
        _LONG_LISTS,
        "No tool lists the images of a whole repository; skopeo inspect --raw has those of a tag.",
    ),
}
SIGNED_NOTE = "DOCKER_TOKEN is an access token with read access; export both variables."

_WRONG_PATH = "Look at how the caller puts the path together."
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


def instead_of(route: Route) -> str:
    """What to do about a call that no other call replaces."""
    if route.verdict is Verdict.SERVED:
        return "Nothing has to change yet."
    if route.docker_token:
        return "Upgrade the Docker Engine: from 1.6 on it pulls by the registry API v2 by itself."
    if route.listing is Listing.NOTHING:
        return _WRONG_PATH
    bare = route.path.replace("{namespace}/", "")
    if bare == "/v1/repositories/…":
        return "Push with a current docker, skopeo or crane." if route.successor else _WRONG_PATH
    return _BY_PATH.get(bare, _UNKNOWN)
