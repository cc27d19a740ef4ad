"""A proof: the result of comparing a replacement with what the bridge answers."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from hubv1.api.routes import Listing

ProofKey = tuple[Listing, str, bool]
"""The listing, the repository, and whether the replacement signs in."""


class ProofResult(StrEnum):
    """The result of a comparison."""

    EQUAL = "equal"
    DIFFERS = "differs"
    UNPROVEN = "unproven"
    """Nothing is known, for a reason that is not the replacement's fault."""


class Proof(msgspec.Struct, frozen=True):
    """A replacement compared with the bridge. `missing` and `extra` have only the first names."""

    listing: Listing
    repository: str
    signed: bool
    """Whether both signed in."""
    result: ProofResult
    at: datetime
    tool: str = ""
    """The tool of the snippet that was run."""
    compared: int = 0
    """The number of names that the bridge gave, or of single tags that were asked for."""
    missing: tuple[str, ...] = ()
    """Names that only the bridge gives."""
    missing_count: int = 0
    extra: tuple[str, ...] = ()
    extra_count: int = 0
    reason: str = ""
    """Explains a difference other than in names, why nothing is proven, or why both are equal."""

    @property
    def key(self) -> ProofKey:
        """The key of the findings that it is about."""
        return self.listing, self.repository, self.signed

    @property
    def in_words(self) -> str:
        """The difference, why nothing is proven, or how much was compared and is equal."""
        if self.result is ProofResult.EQUAL:
            return self.reason or f"{self.compared:,} compared"
        named = (
            _names("missing", self.missing, self.missing_count),
            _names("extra", self.extra, self.extra_count),
        )
        return "; ".join(filter(None, (self.reason, *named)))


class Proven(msgspec.Struct, frozen=True, gc=False):
    """The sum of the proofs for one caller."""

    equal: int
    """Findings whose replacement gave the same answer."""
    differs: int
    of: int
    """All findings of the caller that have a replacement."""
    at: datetime
    """The time of the oldest of these proofs."""

    @property
    def in_words(self) -> str:
        """`proven equal 2026-11-29, 12 of 12`."""
        if self.differs:
            return f"differs {self.at:%Y-%m-%d}, {self.differs:,} of {self.of:,}"
        if self.equal:
            return f"proven equal {self.at:%Y-%m-%d}, {self.equal:,} of {self.of:,}"
        return f"not proven {self.at:%Y-%m-%d}, 0 of {self.of:,}"


def _names(what: str, names: Sequence[str], count: int) -> str:
    more = count - len(names)
    shown = ", ".join(names) + (f" and {more:,} more" if more > 0 else "")
    return f"{count:,} {what}: {shown}" if count else ""
