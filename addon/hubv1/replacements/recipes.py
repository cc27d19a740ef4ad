"""From a row of the route table to what replaces the call."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from hubv1.api.names import Repository, is_tag, repository_or_none
from hubv1.api.routes import Listing, Route
from hubv1.replacements import python, shell
from hubv1.replacements.wording import SIGNED_NOTE, Field, advice_for, instead_of


@dataclass(frozen=True, slots=True)
class Urls:
    """Where Docker Hub is. Tests have it elsewhere."""

    hub: str = "https://hub.docker.com"
    registry: str = "https://registry-1.docker.io"
    auth: str = "https://auth.docker.io"
    images: str = "docker.io"
    """What skopeo and its like put in front of a repository."""


DOCKERS = Urls()


@dataclass(frozen=True, slots=True)
class Snippet:
    """A whole script. It fails, and prints nothing, where it cannot do all that it is for."""

    title: str
    """The tool it is written for; those for the shell may need jq too."""
    language: str
    """`bash` or `python`."""
    code: str


@dataclass(frozen=True, slots=True)
class Replacement:
    """A call to v1, and what to do instead; unknown names are in capitals."""

    old: str
    """URL of the call as it is made now."""
    new: str
    """URL of the v2 call to make instead; empty where there is none."""
    instead: str
    """What to do, as a sentence."""
    lost: str
    """What happened to the call, and what does not come back."""
    line: str = ""
    """A replacement that is one line and gives the whole answer; empty where there is none."""
    snippets: tuple[Snippet, ...] = ()
    """Empty where no call replaces the old one."""
    others: tuple[str, ...] = ()
    """Replacements with further tools, one line each."""
    fields: tuple[Field, ...] = ()
    notes: tuple[str, ...] = ()
    """What to look out for."""

    @property
    def shortest(self) -> str:
        """The shortest code that gives the whole answer; empty where no call replaces the old."""
        codes = (snippet.code for snippet in self.snippets)
        return self.line or min(codes, key=lambda code: code.count("\n"), default="")


_Fill = Callable[[str], str]

_A_HOST = "index.docker.io"
_PLACEHOLDERS = (
    ("{namespace}", "NAMESPACE"),
    ("{repository}", "REPOSITORY"),
    ("{name}", "REPOSITORY"),
    ("{tag}", "TAG"),
    ("{tag_name}", "TAG"),
)
_LINES = {Listing.TAGS: shell.SKOPEO_TAGS_LINE, Listing.TAG: shell.TAG_LINE}
_OTHERS = {Listing.TAGS: shell.OTHER_TAGS, Listing.TAG: shell.OTHER_TAG}
_SCRIPTS = {
    Listing.TAGS: (shell.tags, shell.skopeo_tags, python.tags),
    Listing.TAG: (shell.tag, shell.skopeo_tag, python.tag),
    Listing.IMAGES: (shell.images, None, python.images),
}
_TOOLS = (("curl", "bash"), ("skopeo", "bash"), ("Python 3", "python"))


def replacement(
    route: Route,
    repository: Repository | None,
    tag: str = "",
    *,
    signed: bool,
    paged: bool,
    old: str = "",
    urls: Urls = DOCKERS,
) -> Replacement:
    """What replaces calls of that route.

    `signed` and `paged` say whether such calls came with credentials, and whether they asked for
    more than a page of v2 has; `old` is the URL of one, where it is known.
    """
    checked = repository_or_none(repository.namespace, repository.name) if repository else None
    name = partial(_named, checked, tag if is_tag(tag) else "")
    listing, advice = route.listing, advice_for(route)

    def fill(template: str) -> str:
        return name(_placed(urls, template))

    old = name(_in_capitals(old or old_call(route, _A_HOST, checked)))
    new = fill(_in_capitals(successor_for(route, checked)))
    if listing is None or advice is None:
        return Replacement(old, new, instead_of(route), route.sentence)
    # Who reads long lists of images may meet the end of what Hub shows to anybody.
    signs_in = signed or (paged and listing is Listing.IMAGES)
    return Replacement(
        old,
        new,
        advice.instead,
        route.sentence,
        "" if signs_in else fill(_LINES.get(listing, "")),
        tuple(_snippets(listing, fill, signed=signs_in)),
        tuple(map(fill, _OTHERS.get(listing, ()))),
        advice.fields,
        (*advice.notes, SIGNED_NOTE) if signs_in else advice.notes,
    )


def successor_for(route: Route, repository: Repository | None) -> str:
    """URL of the v2 call to make instead, with the caller's own repository where there is one."""
    template = route.replacement or route.successor
    path = (route.replacement_for(repository) if repository else "") or template
    return DOCKERS.hub + path if path.startswith("/") else template


def old_call(route: Route, host: str, repository: Repository | None) -> str:
    """URL of the call as it is made now, with the caller's own repository where there is one."""
    path = route.path
    if repository is not None:
        path = path.replace("{namespace}", repository.namespace)
        path = path.replace("{name}", repository.name)
    return f"https://{host}{path}"


def _snippets(listing: Listing, fill: _Fill, *, signed: bool) -> list[Snippet]:
    return [
        Snippet(title, language, fill(script(signed=signed)))
        for (title, language), script in zip(_TOOLS, _SCRIPTS[listing], strict=True)
        if script is not None
    ]


def _named(repository: Repository | None, tag: str, text: str) -> str:
    """A template with the names put in; without a repository it is for any."""
    if repository is not None:
        text = text.replace("NAMESPACE", repository.namespace)
        text = text.replace("REPOSITORY", repository.name)
    return text.replace("TAG", tag) if tag else text


def _in_capitals(url: str) -> str:
    """A URL of the report, in which braces stand for what is not known, as a template."""
    for braces, capitals in _PLACEHOLDERS:
        url = url.replace(braces, capitals)
    return url


def _placed(urls: Urls, text: str) -> str:
    """A template, which calls Docker's own hosts, for hosts elsewhere."""
    for old, new in (
        (DOCKERS.hub, urls.hub),
        (DOCKERS.registry, urls.registry),
        (DOCKERS.auth, urls.auth),
        (f"docker://{DOCKERS.images}/", f"docker://{urls.images}/"),
        (f" {DOCKERS.images}", f" {urls.images}"),
    ):
        text = text.replace(old, new)
    return text
