"""What the stand-in knows: repositories, their tags, who may see them.

Everything here may be changed while the stand-in is serving, from any thread: a repository is
replaced, never edited, so a reader sees it as it was before or after a change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Self

from .shelf import Shelf, generated
from .tags import Tag, made_json, make_tag


@dataclass(frozen=True)
class Repository:
    """One repository. `owner` is the account that alone may see it, None if everyone may."""

    namespace: str
    name: str
    shelf: Shelf
    owner: str | None = None
    description: str = ""
    made_by_hand: MappingProxyType[str, Tag] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def count(self) -> int:
        """How many tags; not `__len__`, which would make an empty repository count as false."""
        return len(self.shelf.names)

    def tag(self, name: str) -> Tag | None:
        """The tag of that name, None if there is none."""
        if name not in self.shelf.names:
            return None
        return self.made_by_hand.get(name) or make_tag(self.full_name, name)

    def tags(self) -> list[Tag]:
        """All tags, ascending by name: what a test compares an answer with."""
        return [tag for name in self.shelf.ascending if (tag := self.tag(name))]

    def tag_json(self, name: str) -> str:
        """The bytes of one tag that is known to be here."""
        by_hand = self.made_by_hand.get(name)
        return by_hand.as_json() if by_hand else made_json(self.full_name, name)

    def visible_to(self, account: str | None) -> bool:
        return self.owner is None or self.owner == account


@dataclass
class Catalog:
    """All repositories and accounts of one stand-in; `seed` decides the order of tags."""

    seed: int = 0
    accounts: dict[str, str] = field(default_factory=dict)
    _repositories: dict[str, Repository] = field(default_factory=dict)
    _rules: dict[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def default(cls) -> Self:
        """The catalogue of the demo: see demo.py."""
        from .demo import fill  # demo.py needs Catalog

        catalog = cls()
        fill(catalog)
        return catalog

    def add(
        self,
        name: str,
        tags: Iterable[str | Tag] = (),
        *,
        private: bool = False,
        owner: str | None = None,
        description: str = "",
    ) -> Repository:
        """Puts a repository here, in the place of an older one of that name.

        A tag is a name, made up in full from that name, or a Tag made by hand. A private
        repository belongs to `owner`, by default the account named like its namespace.
        """
        namespace, short = split_name(name)
        given = list(tags)
        by_hand = {tag.name: tag for tag in given if isinstance(tag, Tag)}
        names = frozenset(tag if isinstance(tag, str) else tag.name for tag in given)
        return self._keep(
            Repository(
                namespace,
                short,
                Shelf(names, self.seed),
                owner=owner or (namespace if private else None),
                description=description,
                made_by_hand=MappingProxyType(by_hand),
            )
        )

    def add_generated(self, name: str, tags: int, *, private: bool = False) -> Repository:
        """Puts a repository of that many tags here: `latest`, `1.0.1`, `1.0.2` and so on.
        Repositories of one size share the memory for their names."""
        namespace, short = split_name(name)
        shelf = generated(tags, self.seed)
        return self._keep(Repository(namespace, short, shelf, namespace if private else None))

    def add_rule(self, prefix: str, tags: int, letters: int = 0) -> None:
        """From now on any name beginning with `prefix`, say "bench/", is a public repository of
        that many generated tags, each of at least so many letters but for `latest`. It is made for
        each question and never kept."""
        self._rules[prefix] = tags, letters

    def add_tag(self, name: str, tag: str | Tag) -> None:
        """Adds a tag, or replaces the one of that name."""
        old = self[name]
        by_hand = dict(old.made_by_hand)
        tag_name = tag if isinstance(tag, str) else tag.name
        by_hand.pop(tag_name, None)
        if isinstance(tag, Tag):
            by_hand[tag_name] = tag
        self._reshelve(old, old.shelf.names | {tag_name}, by_hand)

    def remove_tag(self, name: str, tag: str) -> None:
        """Removes a tag; KeyError if it is not there."""
        old = self[name]
        if tag not in old.shelf.names:
            raise KeyError(tag)
        by_hand = {key: value for key, value in old.made_by_hand.items() if key != tag}
        self._reshelve(old, old.shelf.names - {tag}, by_hand)

    def remove(self, name: str) -> None:
        """Removes a whole repository; KeyError if it is not there."""
        del self._repositories["/".join(split_name(name))]

    def find(self, namespace: str, name: str) -> Repository | None:
        """The repository of that name, whoever may see it; None if there is none."""
        full = f"{namespace}/{name}"
        if kept := self._repositories.get(full):
            return kept
        for prefix, (tags, letters) in self._rules.items():
            if name and "/" not in name and full.startswith(prefix):
                return Repository(namespace, name, generated(tags, self.seed, letters))
        return None

    def __getitem__(self, name: str) -> Repository:
        if found := self.find(*split_name(name)):
            return found
        raise KeyError(name)

    def __iter__(self) -> Iterator[Repository]:
        """Those that were added; what a rule answers for cannot be listed."""
        return iter(list(self._repositories.values()))

    def _reshelve(self, old: Repository, names: frozenset[str], by_hand: dict[str, Tag]) -> None:
        shelf = Shelf(names, self.seed)
        self._keep(replace(old, shelf=shelf, made_by_hand=MappingProxyType(by_hand)))

    def _keep(self, repository: Repository) -> Repository:
        self._repositories[repository.full_name] = repository
        return repository


@lru_cache(maxsize=1024)
def split_name(name: str) -> tuple[str, str]:
    """Namespace and name; a name without a namespace is an official image, `library/…`."""
    namespace, _, short = name.rpartition("/")
    return namespace or "library", short
