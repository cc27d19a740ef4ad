"""What to write in place of a call to v1: a sentence, the URL of v2, and code to be pasted.

The scripts are next to this file, one for each listing and tool; the parts between « and » are only
for scripts with credentials. A script that cannot do its whole task fails and prints nothing. In a
shell script the last command prints, so that a list is complete even if `set -e` has no effect, as
in a function that is used as a condition; secrets go through pipes, since every user of the machine
can read command lines. Registry tools use the credentials that `docker login` or their own login
stored, and read all pages; Docker's registry gives the whole list at once, and any other says in
Link that there is more. Python's urllib sends credentials along with a redirect, unless their
header is an unredirected one.
"""

import re
from dataclasses import dataclass, replace
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from hubv1.api.names import Repository, is_tag, repository_or_none
from hubv1.api.routes import Listing, Route, Verdict
from hubv1.listen import is_loopback

_HUB = "https://hub.docker.com"
_V2 = f"{_HUB}/v2/namespaces/NAMESPACE/repositories/REPOSITORY"
_REGISTRY = "registry-1.docker.io"
_A_HOST = "index.docker.io"
_PLACEHOLDERS = {
    "{namespace}": "NAMESPACE",
    "{repository}": "REPOSITORY",
    "{name}": "REPOSITORY",
    "{tag}": "TAG",
    "{tag_name}": "TAG",
}
_SCRIPTS = Path(__file__).parent
_SIGNED_PART = re.compile("«(.*?)»", re.DOTALL)
_IMAGE = "docker.io/NAMESPACE/REPOSITORY"


@dataclass(frozen=True, slots=True)
class Snippet:
    """A whole script."""

    title: str  # the tool that it uses; scripts for the shell may need jq too
    language: str  # `bash` or `python`
    code: str


@dataclass(frozen=True, slots=True)
class Field:
    """A field of v1's answer and its counterpart in v2."""

    old: str
    new: str  # empty if nothing replaces it
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A call to v1 and what to do instead; unknown names are in capitals."""

    old: str  # URL of the present call
    new: str  # URL of the call that the first snippet makes; empty if nothing replaces the old one
    instead: str  # what to do, in a sentence
    lost: str  # what happened to the call, and what does not come back
    line: str = ""  # a one-line command for the whole answer; empty if there is none
    snippets: tuple[Snippet, ...] = ()  # none if no call replaces the old one
    others: tuple[str, ...] = ()  # one-line commands with further tools
    fields: tuple[Field, ...] = ()
    notes: tuple[str, ...] = ()  # pitfalls

    @property
    def shortest(self) -> str:
        """The shortest code for the whole answer; empty if no call replaces the old one."""
        codes = (snippet.code for snippet in self.snippets)
        return self.line or min(codes, key=lambda code: code.count("\n"), default="")


@dataclass(frozen=True, slots=True)
class _Advice:
    """The advice for calls of one listing."""

    call: str  # URL that the scripts call
    lost: str  # what does not come back, if the route's own sentence is about something else
    instead: str  # what to do, as an introduction to the code
    change: str  # how to use Hub's own pages, for programs that read a report
    fields: tuple[Field, ...]
    notes: tuple[str, ...]
    line: str = ""
    others: tuple[str, ...] = ()


_ADVICE = {
    Listing.TAGS: _Advice(
        f"https://{_REGISTRY}/v2/NAMESPACE/REPOSITORY/tags/list",
        "Nothing is lost: every name comes back, and v1's layers were empty for years.",
        "Take the names from the registry's list: all in one call, signed in or not.",
        "Read pages of 100 (page_size=100) until next is null, take results[].name and sort; "
        "beyond about 1,000 tags v2 wants a Bearer token.",
        (
            Field("name", "tags[]", "results[].name on Hub's own pages"),
            Field("layer", "", "empty in v1's last years"),
        ),
        (
            (
                "Hub's own pages (page_size=100, until next is null) have the same names, but end "
                "with 403 at about 1,000 tags where one does not sign in."
            ),
        ),
        f"skopeo list-tags docker://{_IMAGE}",
        (f"crane ls {_IMAGE}", f"regctl tag ls {_IMAGE}"),
    ),
    Listing.TAG: _Advice(
        f"{_V2}/tags/TAG",
        "",
        "Ask v2 for the tag: 200 and 404 mean what they did.",
        "200 and 404 mean what they did; the tag's digest takes the place of the id.",
        (Field("pk", "id"), Field("id", "digest", "its first 8 hex digits, after sha256:")),
        (
            "curl -f fails on 429 and 5xx too: what is missing should be built on 404 alone.",
            "skopeo inspect --raw counts as a pull; curl, crane digest and regctl do not.",
        ),
        f"curl -fsS -o /dev/null {_V2}/tags/TAG",
        # By HEAD, which Docker does not count as a pull.
        (f"crane digest {_IMAGE}:TAG", f"regctl manifest head {_IMAGE}:TAG"),
    ),
    Listing.IMAGES: _Advice(
        f"{_V2}/tags?page_size=100",
        "",
        "Read all pages of the tags and take the digests of their images.",
        "Read pages of 100 (page_size=100) until next is null and take results[].images[].digest.",
        (
            Field(
                "id", "results[].images[].digest", "results[].digest where a tag lists no images"
            ),
            Field("checksum", "", "empty in v1's last years"),
        ),
        (
            (
                "Beyond about 1,000 tags Hub answers 403 where one does not sign in; for fewer, no "
                "token is needed."
            ),
            (
                "No tool lists the images of a whole repository; skopeo inspect --raw has those of "
                "a tag."
            ),
        ),
    ),
}
"""The advice for each listing that v2 still has."""

SIGNED_NOTE = "DOCKER_TOKEN is an access token with read access; export both variables."

_IMPOSSIBLE = "Docker Hub allows no such name: look at how the caller puts the path together."


def replacement(
    route: Route,
    repository: Repository | None,
    tag: str = "",
    *,
    signed: bool,
    paged: bool,
    old: str = "",
) -> Replacement:
    """The replacement of calls of that route.

    `signed` and `paged` say whether such calls came with credentials, and whether they were for
    more than a page of v2; `old` is the URL of such a call, if it is known.
    """
    checked = repository and repository_or_none(repository.namespace, repository.name)
    names = {"NAMESPACE": checked.namespace, "REPOSITORY": checked.name} if checked else {}
    if is_tag(tag):
        names["TAG"] = tag
    old = _replaced(_replaced(old or old_call(route, _A_HOST, checked), _PLACEHOLDERS), names)
    advice = _advice_for(route)
    if route.listing is None or advice is None:
        new = _replaced(_replaced(successor_for(route, checked), _PLACEHOLDERS), names)
        return Replacement(old, new, route.instead, route.sentence)
    # A long list of images may go beyond the pages that Hub gives to anonymous callers.
    signs_in = signed or (paged and route.listing is Listing.IMAGES)
    scripts = _scripts(route.listing, signed=signs_in)
    return Replacement(
        old,
        _replaced(advice.call, names),
        advice.instead,
        advice.lost or route.sentence,
        "" if signs_in else _replaced(advice.line, names),
        tuple(replace(each, code=_replaced(each.code, names)) for each in scripts),
        tuple(_replaced(line, names) for line in advice.others),
        advice.fields,
        (*advice.notes, SIGNED_NOTE) if signs_in else advice.notes,
    )


def successor_for(route: Route, repository: Repository | None) -> str:
    """The URL of v2 that replaces the call, with the caller's own repository if there is one."""
    found = route.replacement_for(repository) or route.replacement or route.successor
    return _HUB + found if found.startswith("/") else found


def old_call(route: Route, host: str, repository: Repository | None) -> str:
    """The URL of the call in a script, with the caller's own repository if there is one."""
    names = {"{namespace}": repository.namespace, "{name}": repository.name} if repository else {}
    return f"https://{_written_host(host)}{_replaced(route.path, names)}"


def _written_host(host: str) -> str:
    """The host in a script, which is never the address of a reverse proxy."""
    if host == _REGISTRY or is_loopback(host):
        return _A_HOST
    try:
        ip_address(host)
    except ValueError:
        return host
    return _A_HOST


def change_for(route: Route, repository: Repository | None) -> str:
    """What to change, in one sentence for people."""
    advice = _advice_for(route)
    if route.verdict is Verdict.RETIRING:
        return route.instead
    if advice is None:
        return route.sentence
    return advice.change if repository else _IMPOSSIBLE


def _advice_for(route: Route) -> _Advice | None:
    """The advice for calls of a route; None if no other call replaces them."""
    return _ADVICE.get(route.listing) if route.listing and not route.instead else None


@cache
def _scripts(listing: Listing, *, signed: bool) -> list[Snippet]:
    """The scripts that replace a call for that listing, with names in capitals."""
    tools = ("curl", "bash"), ("skopeo", "bash"), ("Python 3", "python")
    files = {tool: _SCRIPTS / f"{listing}.{tool[0].partition(' ')[0].lower()}" for tool in tools}
    return [
        Snippet(*tool, _SIGNED_PART.sub(r"\1" if signed else "", file.read_text(encoding="utf-8")))
        for tool, file in files.items()
        if file.exists()
    ]


def _replaced(text: str, names: dict[str, str]) -> str:
    for placeholder, name in names.items():
        text = text.replace(placeholder, name)
    return text
