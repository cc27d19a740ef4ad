"""How much is measured: full size for people, small for tests."""

from dataclasses import dataclass

MOST_BYTES = 64 * 1024 * 1024
"""Of the answers that the bridge keeps: that of hubv1.calls.cache."""


class BenchError(Exception):
    """What was measured is not as it has to be; the text says what."""


@dataclass(frozen=True)
class Plan:
    """The sizes of all comparisons."""

    rounds: int = 15
    """Of each comparison by CPU time."""
    calls: int = 120
    """In each of these rounds."""
    tags: int = 100
    """Of the repositories in these calls."""
    races: int = 3
    """How often each long list is read in each way."""
    latency: float = 0.05
    """Seconds for which Docker's hosts hold back each answer."""
    registry_list: int = 15_000
    """Tags of a list that the bridge has from the registry."""
    hub_list: int = 1_000
    """Tags of one that it has from the pages of Hub."""
    callers: int = 100
    """Who call at once, again and again, while the time of each call is measured."""
    calls_each: int = 20
    """By each of them."""
    equal_calls: int = 200
    """Made at once."""
    memory_calls: int = 100_000
    """Made once the cache is full."""
    history_calls: int = 1_000_000
    """In the long history that a report is made of."""
    files: int = 20_000
    """Of 10 KB, in the tree that is scanned."""
    kinds: int = 600
    """Of calls that are counted together, in each hour of `growth`."""
    backlog: int = 100_000
    """Rows of a journal that are shipped at once."""
    fleet_calls: int = 10_000_000
    """In the counts of a fleet that a report is made of."""
    fleet_callers: int = 2_000
    """Who made them."""
    reports: int = 3
    """How often each report is made; the cheapest counts."""
    shared_calls: int = 900
    """Behind a balancer."""
    fill_bytes: int = MOST_BYTES
    """What fills the cache."""
    page_calls: int = 40_000
    """Of the journal whose page is made."""
    page_callers: int = 2_000
    """Who made them."""
    minutes: float = 10.0
    """Of calls in a soak, beside what it takes to look at the bridge between its rounds."""
    soak_rounds: int = 10
    """The first is to warm up."""
    soak_rate: float = 40.0
    """Calls a second."""
    stall_rounds: int = 7
    """How often each long list is read beside other traffic."""
    quiet_seconds: float = 1
    """How long other traffic is looked at without one, in each of these rounds."""
    stall_lists: tuple[tuple[int, int, int], ...] = (
        (15_000, 0, 50),
        (100_000, 0, 50),
        (100_000, 128, 50),
        (200_000, 128, 100),
        (250_000, 0, 100),
    )
    """Tags of each of these lists, letters of each name at least, and milliseconds above the quiet
    that others may wait. 200,000 names of 128 letters are about as many as an answer may hold."""
    stall_images: int = 75_000
    """Tags of a list of images, which is then of 15 MB."""
