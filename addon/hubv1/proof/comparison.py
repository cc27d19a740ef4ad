"""Two ways to the same answer, compared: what differs, and what only changed meanwhile.

Tags come and go while they are read. So both ways are asked again where they differ, the one that
was first being second the next time, and a difference is what every reading shows: a name that one
way gave each time, and the other never.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

ROUNDS = 3
"""Both ways are asked so often before anything is called a difference."""
CHANGING_ROUNDS = 6
"""So often where what they give changes from reading to reading, until they are equal once."""
MOST_ROUNDS = 10
"""So often before a difference is believed in such a list."""
MOST_DISTURBANCES = 2
"""After so many readings without an answer there are no more."""


class Answered(Enum):
    """How a way ended."""

    FOUND = auto()
    ABSENT = auto()
    """There is no such repository or tag, as far as this way can see."""
    FAILED = auto()
    """It gives no answer, and that is its own fault."""
    DISTURBED = auto()
    """It gave no answer, for a reason that may be gone the next time."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a way gave."""

    answered: Answered
    names: tuple[str, ...] = ()
    """In the order in which they came."""
    reason: str = ""
    """Why it failed or was disturbed."""


class Conclusion(Enum):
    """What two ways are to each other."""

    EQUAL = auto()
    DIFFERENT = auto()
    UNSETTLED = auto()


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of a comparison."""

    conclusion: Conclusion
    compared: int = 0
    """Names that both gave, where they are equal."""
    missing: tuple[str, ...] = ()
    """Names that the first way gives alone, in their order."""
    extra: tuple[str, ...] = ()
    """Names that the second way gives alone."""
    reason: str = ""


@dataclass(slots=True)
class _Readings:
    """What both ways gave so far."""

    first: list[Reading] = field(default_factory=list)
    second: list[Reading] = field(default_factory=list)

    @property
    def is_steady(self) -> bool:
        """Whether each way gave the same each time."""
        return len({*self.first}) == len({*self.second}) == 1


Way = Callable[[], Awaitable[Reading]]


async def compare(first: Way, second: Way, *, in_order: bool) -> Compared:
    """Ask both ways until they agree, or until it is certain that they do not.

    `in_order` says whether the order of names counts.
    """
    readings, disturbances = _Readings(), list[str]()
    for turn in range(MOST_ROUNDS):
        one, other = await _read(first, second, is_swapped=bool(turn % 2))
        if disturbed := [each for each in (one, other) if each.answered is Answered.DISTURBED]:
            disturbances.append(disturbed[0].reason)
            if len(disturbances) >= MOST_DISTURBANCES:
                break
            continue
        readings.first.append(one)
        readings.second.append(other)
        if _is_equal(one, other, in_order=in_order):
            reason = "neither finds it" if one.answered is Answered.ABSENT else ""
            return Compared(Conclusion.EQUAL, len(one.names), reason=reason)
        if len(readings.first) >= (ROUNDS if readings.is_steady else CHANGING_ROUNDS):
            found = _concluded(readings, in_order=in_order)
            if readings.is_steady or found.conclusion is not Conclusion.DIFFERENT:
                return found
    if len(readings.first) < ROUNDS:
        return Compared(Conclusion.UNSETTLED, reason=disturbances[-1])
    return _concluded(readings, in_order=in_order)


async def _read(first: Way, second: Way, *, is_swapped: bool) -> tuple[Reading, Reading]:
    """What both give, the second way asked first perhaps."""
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


def _concluded(readings: _Readings, *, in_order: bool) -> Compared:
    """What all readings show together."""
    first = {reading.answered for reading in readings.first}
    second = {reading.answered for reading in readings.second}
    if first == second == {Answered.FOUND}:
        return _in_names(readings, in_order=in_order)
    if first == {Answered.FOUND}:
        return _without_answer(second, readings.second[-1])
    if first == {Answered.ABSENT} and second == {Answered.FOUND}:
        return Compared(Conclusion.DIFFERENT, reason="it finds what the bridge does not")
    if Answered.FAILED in second:
        why = next(each.reason for each in readings.second if each.reason)
        return Compared(Conclusion.UNSETTLED, reason=f"nothing is there ({why})")
    return Compared(Conclusion.UNSETTLED, reason="it came and went while it was read")


def _without_answer(second: set[Answered], last: Reading) -> Compared:
    """Of a way that gives nothing, where the other always finds something."""
    if second == {Answered.FAILED}:
        return Compared(Conclusion.DIFFERENT, reason=f"it fails: {last.reason}")
    if second == {Answered.ABSENT}:
        return Compared(Conclusion.DIFFERENT, reason="it finds nothing")
    return Compared(Conclusion.UNSETTLED, reason="it gives an answer now and then")


def _in_names(readings: _Readings, *, in_order: bool) -> Compared:
    missing = _only_in(readings.first, readings.second)
    extra = _only_in(readings.second, readings.first)
    if missing or extra:
        return Compared(Conclusion.DIFFERENT, missing=missing, extra=extra)
    pairs = zip(readings.first, readings.second, strict=True)
    if all(len(each.names) != len({*each.names}) for each in readings.second):
        return Compared(Conclusion.DIFFERENT, reason="it gives names more than once")
    if in_order and all(_has_other_order(one, other) for one, other in pairs):
        return Compared(Conclusion.DIFFERENT, reason="it gives another order")
    return Compared(Conclusion.UNSETTLED, reason="the list changed each time that it was read")


def _only_in(these: Sequence[Reading], others: Sequence[Reading]) -> tuple[str, ...]:
    """Names in all of these and in none of the others."""
    elsewhere = {name for reading in others for name in reading.names}
    everywhere = {*these[0].names}.intersection(*(reading.names for reading in these[1:]))
    alone = everywhere - elsewhere
    return tuple(name for name in dict.fromkeys(these[0].names) if name in alone)


def _has_other_order(one: Reading, other: Reading) -> bool:
    """Whether what is in both stands in another order."""
    both = {*one.names} & {*other.names}
    return [name for name in one.names if name in both] != [
        name for name in other.names if name in both
    ]
