"""Compares two readers of the same answer, and tells a difference from a change in between.

Tags come and go while they are read. So both readers are asked again if they differ, in the other
order. A difference is what all readings show: a name that one reader always gave, and the other
never.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

ROUNDS = 3
"""Readings of both before a difference is believed."""
CHANGING_ROUNDS = 6
"""Readings of both if the answers change in between, until they are equal once."""
MOST_ROUNDS = 10
"""Readings of both before a difference in a changing answer is believed."""
MOST_DISTURBANCES = 2
"""After so many readings without an answer, the comparison ends."""


class Answered(Enum):
    """How a reading ended."""

    FOUND = auto()
    ABSENT = auto()
    """There is no such repository or tag, as far as the reader can see."""
    FAILED = auto()
    """The reader gave no answer, by its own fault."""
    DISTURBED = auto()
    """The reader gave no answer, for a reason that may not last."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader gave."""

    answered: Answered
    names: tuple[str, ...] = ()
    """In their order."""
    reason: str = ""
    """Why the reader failed or was disturbed."""


class Conclusion(Enum):
    """The conclusion of a comparison."""

    EQUAL = auto()
    DIFFERENT = auto()
    UNSETTLED = auto()


@dataclass(frozen=True, slots=True)
class Compared:
    """The result of a comparison."""

    conclusion: Conclusion
    compared: int = 0
    """The number of names, if both are equal."""
    missing: tuple[str, ...] = ()
    """Names that only the first reader gives, in order."""
    extra: tuple[str, ...] = ()
    """Names that only the second reader gives."""
    reason: str = ""


Reader = Callable[[], Awaitable[Reading]]
_Readings = Sequence[Reading]


async def compare(first: Reader, second: Reader, *, in_order: bool) -> Compared:
    """Ask both readers until they agree, or certainly do not.

    `in_order` says whether the order of names matters.
    """
    ones, others, disturbances = list[Reading](), list[Reading](), list[str]()
    for turn in range(MOST_ROUNDS):
        one, other = await _read(first, second, is_swapped=bool(turn % 2))
        if disturbed := [each for each in (one, other) if each.answered is Answered.DISTURBED]:
            disturbances.append(disturbed[0].reason)
            if len(disturbances) >= MOST_DISTURBANCES:
                break
            continue
        ones.append(one)
        others.append(other)
        if _is_equal(one, other, in_order=in_order):
            reason = "neither finds it" if one.answered is Answered.ABSENT else ""
            return Compared(Conclusion.EQUAL, len(one.names), reason=reason)
        is_steady = len({*ones}) == len({*others}) == 1
        if len(ones) >= (ROUNDS if is_steady else CHANGING_ROUNDS):
            found = _conclude(ones, others, in_order=in_order)
            if is_steady or found.conclusion is not Conclusion.DIFFERENT:
                return found
    if len(ones) < ROUNDS:
        return Compared(Conclusion.UNSETTLED, reason=disturbances[-1])
    return _conclude(ones, others, in_order=in_order)


async def _read(first: Reader, second: Reader, *, is_swapped: bool) -> tuple[Reading, Reading]:
    """A reading of both; if they are swapped, the second reader is asked first."""
    if is_swapped:
        other = await second()
        return await first(), other
    return await first(), await second()


def _is_equal(one: Reading, other: Reading, *, in_order: bool) -> bool:
    if one.answered is not other.answered:
        return False
    if one.answered is Answered.FOUND:
        in_both = sorted(one.names) == sorted(other.names)
        return in_both and (not in_order or one.names == other.names)
    return one.answered is Answered.ABSENT


def _conclude(ones: _Readings, others: _Readings, *, in_order: bool) -> Compared:
    """What all readings together show."""
    first, second = ({each.answered for each in readings} for readings in (ones, others))
    if first == second == {Answered.FOUND}:
        return _compare_names(ones, others, in_order=in_order)
    if first == {Answered.FOUND}:
        return _without_answer(second, others[-1])
    if first == {Answered.ABSENT} and second == {Answered.FOUND}:
        return Compared(Conclusion.DIFFERENT, reason="it finds what the bridge does not")
    if Answered.FAILED in second:
        why = next(each.reason for each in others if each.reason)
        return Compared(Conclusion.UNSETTLED, reason=f"nothing is there ({why})")
    return Compared(Conclusion.UNSETTLED, reason="it came and went while it was read")


def _without_answer(second: set[Answered], last: Reading) -> Compared:
    """The result if the first reader always finds something, and the second one does not."""
    if second == {Answered.FAILED}:
        return Compared(Conclusion.DIFFERENT, reason=f"it fails: {last.reason}")
    if second == {Answered.ABSENT}:
        return Compared(Conclusion.DIFFERENT, reason="it finds nothing")
    return Compared(Conclusion.UNSETTLED, reason="it gives an answer now and then")


def _compare_names(ones: _Readings, others: _Readings, *, in_order: bool) -> Compared:
    missing, extra = _only_in(ones, others), _only_in(others, ones)
    if missing or extra:
        return Compared(Conclusion.DIFFERENT, missing=missing, extra=extra)
    if all(len(each.names) != len({*each.names}) for each in others):
        return Compared(Conclusion.DIFFERENT, reason="it gives names more than once")
    if in_order and all(map(_has_other_order, ones, others)):
        return Compared(Conclusion.DIFFERENT, reason="it gives another order")
    return Compared(Conclusion.UNSETTLED, reason="the list changed each time that it was read")


def _only_in(these: _Readings, others: _Readings) -> tuple[str, ...]:
    """Names in all of these readings and in none of the others."""
    elsewhere = {name for reading in others for name in reading.names}
    everywhere = {*these[0].names}.intersection(*(reading.names for reading in these[1:]))
    alone = everywhere - elsewhere
    return tuple(name for name in dict.fromkeys(these[0].names) if name in alone)


def _has_other_order(one: Reading, other: Reading) -> bool:
    """Whether the common names are in another order."""
    both = {*one.names} & {*other.names}
    return [name for name in one.names if name in both] != [
        name for name in other.names if name in both
    ]
