"""What to do about a call: the v2 call to make instead, and a sentence that says how."""

from hubv1.names import Repository
from hubv1.routes import Listing, Route

_HUB = "https://hub.docker.com"

_SENTENCES = {
    Listing.TAGS: "Read pages of 100 (page_size=100) until next is null, take results[].name and "
    "sort; beyond about 1,000 tags v2 wants a Bearer token.",
    Listing.TAG: "200 and 404 mean what they did; the tag's digest takes the place of the id.",
    Listing.IMAGES: "Read pages of 100 (page_size=100) until next is null and take "
    "results[].images[].digest.",
}
_IMPOSSIBLE = "Docker Hub allows no such name: look at how the caller puts the path together."


def successor_for(route: Route, repository: Repository | None) -> str:
    """URL of the v2 call to make instead, with the caller's own repository where there is one."""
    replacement = route.replacement or route.successor
    path = (route.replacement_for(repository) if repository else "") or replacement
    return _HUB + path if path.startswith("/") else replacement


def old_call(route: Route, host: str, repository: Repository | None) -> str:
    """URL of the call as it is made now, with the caller's own repository where there is one."""
    path = route.path
    if repository is not None:
        path = path.replace("{namespace}", repository.namespace)
        path = path.replace("{name}", repository.name)
    return f"https://{host}{path}"


def change_for(route: Route, repository: Repository | None) -> str:
    """One sentence that a person can act on."""
    if route.listing is None or route.listing is Listing.NOTHING or route.docker_token:
        return route.sentence
    return _SENTENCES[route.listing] if repository else _IMPOSSIBLE
