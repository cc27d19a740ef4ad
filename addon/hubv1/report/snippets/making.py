"""From a row of the route table to what replaces the call."""

from collections.abc import Callable
from functools import partial

from hubv1.names import Repository, is_tag, repository_or_none
from hubv1.report.change import old_call, successor_for
from hubv1.report.model import Finding
from hubv1.report.snippets import python, shell, tools
from hubv1.report.snippets.model import DOCKERS, Replacement, Snippet, Urls
from hubv1.report.snippets.wording import FIELDS, INSTEAD, NOTES, SIGNED_NOTE, instead_of
from hubv1.routes import Listing, Route, route_named

Fill = Callable[[str], str]

_A_HOST = "index.docker.io"
_PLACEHOLDERS = (
    ("{namespace}", "NAMESPACE"),
    ("{repository}", "REPOSITORY"),
    ("{name}", "REPOSITORY"),
    ("{tag}", "TAG"),
    ("{tag_name}", "TAG"),
)
_LINES = {Listing.TAGS: tools.TAGS_LINE, Listing.TAG: shell.TAG_LINE}
_OTHERS = {Listing.TAGS: tools.OTHER_TAGS, Listing.TAG: tools.OTHER_TAG}
_WAYS = (("curl", "bash"), ("skopeo", "bash"), ("Python 3", "python"))


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
    listing = route.listing

    def fill(template: str) -> str:
        return name(_placed(urls, template))

    old = name(_in_capitals(old or old_call(route, _A_HOST, checked)))
    new = fill(_in_capitals(successor_for(route, checked)))
    if listing is None or listing not in FIELDS or route.docker_token:
        return Replacement(old, new, instead_of(route), route.sentence)
    # Who reads long lists of images may meet the end of what Hub shows to anybody.
    signs_in = signed or (paged and listing is Listing.IMAGES)
    return Replacement(
        old,
        new,
        INSTEAD[listing],
        route.sentence,
        "" if signs_in else fill(_LINES.get(listing, "")),
        tuple(_snippets(listing, fill, signed=signs_in)),
        tuple(map(fill, _OTHERS.get(listing, ()))),
        FIELDS[listing],
        (*NOTES[listing], SIGNED_NOTE) if signs_in else NOTES[listing],
    )


def replacement_of(finding: Finding) -> Replacement:
    """What replaces the calls of a finding."""
    namespace, _, name = finding.repository.partition("/")
    return replacement(
        route_named(finding.route),
        repository_or_none(namespace, name),
        signed=finding.signed > 0,
        paged=finding.paged > 0,
        old=finding.old,
    )


def _snippets(listing: Listing, fill: Fill, *, signed: bool) -> list[Snippet]:
    made = {
        Listing.TAGS: (shell.tags, tools.tags, python.tags),
        Listing.TAG: (shell.tag, tools.tag, python.tag),
        Listing.IMAGES: (shell.images, None, python.images),
    }[listing]
    return [
        Snippet(title, language, fill(make(signed=signed)))
        for (title, language), make in zip(_WAYS, made, strict=True)
        if make is not None
    ]


def _named(repository: Repository | None, tag: str, text: str) -> str:
    """A template is for an unknown repository."""
    if repository is not None:
        text = text.replace("NAMESPACE", repository.namespace)
        text = text.replace("REPOSITORY", repository.name)
    return text.replace("TAG", tag) if tag else text


def _in_capitals(url: str) -> str:
    """URLs of the report have braces for what is not known."""
    for braces, capitals in _PLACEHOLDERS:
        url = url.replace(braces, capitals)
    return url


def _placed(urls: Urls, text: str) -> str:
    """A template calls Docker's own hosts."""
    for old, new in (
        (DOCKERS.hub, urls.hub),
        (DOCKERS.registry, urls.registry),
        (DOCKERS.auth, urls.auth),
        (f"docker://{DOCKERS.images}/", f"docker://{urls.images}/"),
        (f" {DOCKERS.images}", f" {urls.images}"),
    ):
        text = text.replace(old, new)
    return text
