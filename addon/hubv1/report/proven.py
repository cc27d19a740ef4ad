"""Proof of a replacement: what came of holding it against what the bridge answers."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from hubv1.api.routes import Listing

ProofKey = tuple[Listing, str, bool]
"""What is asked for, of which repository, and whether the replacement signs in."""


class ProofResult(StrEnum):
    """What came of a comparison."""

    EQUAL = "equal"
    DIFFERS = "differs"
    UNPROVEN = "unproven"
    """Nothing can be said, for a reason that has nothing to do with the replacement."""


class Proof(msgspec.Struct, frozen=True):
    """A replacement held against what the bridge answers. Lists have their first names alone."""

    listing: Listing
    repository: str
    signed: bool
    """Whether both signed in."""
    result: ProofResult
    at: datetime
    tool: str = ""
    """Of the snippet that was run."""
    compared: int = 0
    """Names that the bridge gave; for single tags, how many were asked for."""
    missing: tuple[str, ...] = ()
    """What the bridge gives and the replacement does not."""
    missing_count: int = 0
    extra: tuple[str, ...] = ()
    extra_count: int = 0
    reason: str = ""
    """Of a difference that is not one of names, why nothing is proven, or how both are equal."""

    @property
    def key(self) -> ProofKey:
        """Which findings it is about."""
        return self.listing, self.repository, self.signed

    @property
    def in_words(self) -> str:
        """The difference, or why nothing is proven; how much was compared where all is equal."""
        if self.result is ProofResult.EQUAL:
            return self.reason or f"{self.compared:,} compared"
        named = (
            _names("missing", self.missing, self.missing_count),
            _names("extra", self.extra, self.extra_count),
        )
        return "; ".join(filter(None, (self.reason, *named)))


class Proven(msgspec.Struct, frozen=True, gc=False):
    """What the proofs say of one caller."""

    equal: int
    """Findings of which the replacement was seen to give the same."""
    differs: int
    of: int
    """All its findings that something replaces."""
    at: datetime
    """Of the oldest of these proofs."""

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
