"""The names that Docker Hub allows. Every name is checked before it reaches a URL.

The grammar is that of Docker's reference for image names: lowercase components joined by a
period, one or two underscores or any number of hyphens; a tag has at most 128 word characters,
periods and hyphens.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

OFFICIAL_NAMESPACE = "library"  # of official images; v1's callers may leave it out

_LONGEST_NAME = 255
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_TAGS = re.compile(rf"(?:{_TAG.pattern}\n)*+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository on Docker Hub, with checked names."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def decode_segment(segment: bytes) -> str:
    """Undo the percent-encoding of one path segment, once.

    A server decodes once too, so the percent sign of a segment that was encoded twice fails the
    name check. Bytes outside ASCII become U+FFFD, which no name may contain.
    """
    return unquote_to_bytes(segment).decode("ascii", "replace")


def repository_or_none(namespace: str, name: str) -> Repository | None:
    """The repository with these two names, or None if Hub does not allow them."""
    if len(namespace) + len(name) + 1 > _LONGEST_NAME:
        return None
    if not (_COMPONENT.fullmatch(namespace) and _COMPONENT.fullmatch(name)):
        return None
    return Repository(namespace, name)


def is_tag(name: str) -> bool:
    """Whether Hub allows `name` as a tag."""
    return _TAG.fullmatch(name) is not None


def odd_tag(names: Sequence[str]) -> str | None:
    """The first of the names that Hub does not allow as a tag; None if it allows all.

    Matching all of them at once takes a third of the time of matching each.
    """
    lines = "\n".join([*names, ""])
    if lines.count("\n") == len(names) and _TAGS.fullmatch(lines):
        return None
    return next((name for name in names if not is_tag(name)), None)
