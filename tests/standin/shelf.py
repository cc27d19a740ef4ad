"""The names of a repository's tags and the two orders in which they are shown."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache


@dataclass(frozen=True)
class Shelf:
    """A set of tag names. Never changes; the orders are worked out when first asked for."""

    names: frozenset[str]
    seed: int

    @cached_property
    def ascending(self) -> tuple[str, ...]:
        """By bytes, as the registry lists them."""
        return tuple(sorted(self.names, key=str.encode))

    @cached_property
    def shuffled(self) -> tuple[str, ...]:
        """As Hub lists them: stable for one seed, and of use to nobody who counts on an order."""
        mixed = sorted(self.names, key=self._place)
        if len(mixed) > 2 and tuple(mixed) in (self.ascending, self.ascending[::-1]):
            mixed.append(mixed.pop(0))  # chance put a short list in order
        return tuple(mixed)

    def _place(self, name: str) -> bytes:
        return hashlib.blake2b(f"{self.seed} {name}".encode(), digest_size=8).digest()


@lru_cache(maxsize=32)
def generated(count: int, seed: int, letters: int = 0) -> Shelf:
    """`count` names of at least so many letters, one Shelf for all repositories of that size."""
    numbered = (f"1.{i // 100}.{i % 100}" for i in range(1, count))
    names = ("latest", *(name.ljust(letters, "x") for name in numbered))
    return Shelf(frozenset(names[:count]), seed)
