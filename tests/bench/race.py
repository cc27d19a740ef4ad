"""Ways to one result, taken in turns and timed by the clock on the wall."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from shutil import which
from statistics import median
from time import perf_counter


@dataclass(frozen=True)
class Way:
    """One way to the tags of a repository."""

    name: str
    programs: tuple[str, ...]
    """What has to be installed for it."""
    tags: Callable[[str], list[str]]
    """All tags of the repository of that name."""

    @property
    def lacks(self) -> str:
        """The programs that are not there, in words."""
        return " and ".join(name for name in self.programs if which(name) is None)


@dataclass(frozen=True)
class Times:
    """Seconds, one for each round."""

    way: Way
    seconds: tuple[float, ...]

    @property
    def shown(self) -> str:
        """The median and the spread, for people."""
        most, least = max(self.seconds) * 1e3, min(self.seconds) * 1e3
        return f"{self.way.name} {median(self.seconds) * 1e3:,.0f} ms ({least:,.0f} to {most:,.0f})"

    def ratio_to(self, peer: "Times") -> float:
        """The peer's time as a share of ours, the median of all rounds: above 1 is faster."""
        pairs = zip(peer.seconds, self.seconds, strict=True)
        return median(theirs / mine for theirs, mine in pairs)


def race(
    ways: Sequence[Way], prepare: Callable[[str], None], *, rounds: int, tags: int
) -> list[Times]:
    """Time each way in each round, with a repository of its own that is prepared before.

    Raises RuntimeError where a way does not find just as many different tags as there are.
    """
    seconds: list[list[float]] = [[] for _ in ways]
    for number in range(rounds):
        for turn in range(len(ways)):
            place = (number + turn) % len(ways)
            repository = f"bench/cold-{number}-{place}"
            prepare(repository)
            start = perf_counter()
            found = ways[place].tags(repository)
            seconds[place].append(perf_counter() - start)
            if len(found) != tags or len(set(found)) != tags:
                raise RuntimeError(f"{ways[place].name} found {len(found)} of {tags} tags")
    return [Times(way, tuple(each)) for way, each in zip(ways, seconds, strict=True)]
