"""What differs, and what only changed while it was read."""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pytest

from hubv1.proof.comparison import (
    MOST_ROUNDS,
    ROUNDS,
    Answered,
    Compared,
    Conclusion,
    Reading,
    compare,
)

ABSENT = Reading(Answered.ABSENT)
FAILED = Reading(Answered.FAILED, reason="error 500")
DISTURBED = Reading(Answered.DISTURBED, reason="no answer")
ALL = tuple("abcdefghij")


def found(*names: str) -> Reading:
    return Reading(Answered.FOUND, names)


def compared(
    first: Sequence[Reading] | Callable[[], Reading],
    second: Sequence[Reading] | Callable[[], Reading],
    *,
    in_order: bool = True,
) -> Compared:
    """What comes of ways that give these readings, the last one over and over."""

    def way(readings: Sequence[Reading] | Callable[[], Reading]) -> Callable[[], Reading]:
        if callable(readings):
            return readings
        left = list(readings)
        return lambda: left.pop(0) if len(left) > 1 else left[0]

    async def asked(ask: Callable[[], Reading]) -> Reading:
        return ask()

    one, other = partial(asked, way(first)), partial(asked, way(second))
    return asyncio.run(compare(one, other, in_order=in_order))


class TestEqual:
    def test_the_same_names_in_the_same_order_are_equal(self) -> None:
        assert compared([found("b", "a")], [found("b", "a")]) == Compared(Conclusion.EQUAL, 2)

    def test_two_empty_lists_are_equal(self) -> None:
        assert compared([found()], [found()]) == Compared(Conclusion.EQUAL)

    def test_what_neither_finds_is_equal(self) -> None:
        assert compared([ABSENT], [ABSENT]).conclusion is Conclusion.EQUAL

    def test_an_order_that_does_not_count_may_be_another(self) -> None:
        ways = [found("a", "b")], [found("b", "a")]
        assert compared(*ways, in_order=False).conclusion is Conclusion.EQUAL

    @pytest.mark.parametrize("then", [found("a"), ABSENT])
    def test_both_are_read_again_where_something_has_changed(self, then: Reading) -> None:
        assert compared([found("a", "b"), then], [then]).conclusion is Conclusion.EQUAL
        assert compared([found("a", "b")], [then, found("a", "b")]).conclusion is Conclusion.EQUAL

    def test_an_answer_after_a_disturbance_counts(self) -> None:
        assert compared([DISTURBED, found("a")], [found("a")]).conclusion is Conclusion.EQUAL


class TestDifferent:
    def test_names_are_missing_or_extra_in_their_order(self) -> None:
        assert compared([found("c", "a", "b")], [found("b", "z", "y")]) == Compared(
            Conclusion.DIFFERENT, missing=("c", "a"), extra=("z", "y")
        )

    def test_another_order_is_one(self) -> None:
        found_so = compared([found("latest", "1")], [found("1", "latest")])
        assert found_so == Compared(Conclusion.DIFFERENT, reason="it gives another order")

    def test_a_name_that_comes_twice_is_one(self) -> None:
        assert compared([found("a")], [found("a", "a")]).reason == "it gives names more than once"

    @pytest.mark.parametrize(
        ("first", "second", "reason"),
        [
            (found("a"), ABSENT, "it finds nothing"),
            (found("a"), FAILED, "it fails: error 500"),
            (ABSENT, found("a"), "it finds what the bridge does not"),
            (ABSENT, found(), "it finds what the bridge does not"),
        ],
    )
    def test_statuses_come_before_names(self, first: Reading, second: Reading, reason: str) -> None:
        assert compared([first], [second]) == Compared(Conclusion.DIFFERENT, reason=reason)

    def test_it_has_to_show_in_every_reading(self) -> None:
        asked = iter([found("a")] * (ROUNDS - 1) + [found("a", "b")])
        assert compared([found("a", "b")], lambda: next(asked)).conclusion is Conclusion.EQUAL


class TestUnsettled:
    @pytest.mark.parametrize("ways", [([DISTURBED], [found("a")]), ([found("a")], [DISTURBED])])
    def test_who_cannot_be_asked_says_nothing(
        self, ways: tuple[Sequence[Reading], Sequence[Reading]]
    ) -> None:
        assert compared(*ways) == Compared(Conclusion.UNSETTLED, reason="no answer")

    def test_a_way_that_fails_now_and_then_says_nothing(self) -> None:
        turn = iter([ABSENT, FAILED] * MOST_ROUNDS)
        found_so = compared([found("a")], lambda: next(turn))
        assert found_so.conclusion is Conclusion.UNSETTLED

    def test_an_absence_and_a_failure_say_nothing(self) -> None:
        found_so = compared([ABSENT], [FAILED])
        assert (found_so.conclusion, "error 500" in found_so.reason) == (Conclusion.UNSETTLED, True)

    def test_a_list_that_is_another_each_time_says_nothing(self) -> None:
        numbers = iter(range(100))
        found_so = compared(lambda: found(f"{next(numbers)}"), lambda: found(f"{next(numbers)}"))
        assert found_so.reason == "the list changed each time that it was read"


class Churning:
    """A list of which names come and go with each request; a reading takes some of them."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  # the same each time is the point
        self._names = {*ALL}
        self._speed = self._random.choice([0.02, 0.2, 0.5, 1, 3])
        """Names that come or go with a request."""

    def read(self, hidden: frozenset[str] = frozenset()) -> Reading:
        seen = tuple(sorted(self._names - hidden))
        for _ in range(self._random.randint(1, 4)):
            changes = int(self._speed) + (self._random.random() < self._speed % 1)
            for _ in range(changes):
                self._names ^= {self._random.choice(ALL[1:])}
        return found(*seen)


def churning(count: int) -> Iterator[Churning]:
    return (Churning(seed) for seed in range(count))


def test_no_churn_is_taken_for_a_difference_in_two_thousand_comparisons() -> None:
    results = [compared(one.read, one.read) for one in churning(2_000)]
    assert [found for found in results if found.conclusion is Conclusion.DIFFERENT] == []
    equal = [found for found in results if found.conclusion is Conclusion.EQUAL]
    assert len(equal) > 1_000


def test_a_difference_is_found_under_churn_too() -> None:
    hidden = frozenset(ALL[:1])
    results = [compared(one.read, partial(one.read, hidden)) for one in churning(300)]
    assert {found.conclusion for found in results} == {Conclusion.DIFFERENT}
    assert all(ALL[0] in found.missing and not found.extra for found in results)
