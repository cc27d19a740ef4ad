"""Long work on the event loop, beside which other work goes on."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubv1 import turns
from hubv1.turns import Steps, each_once, in_order, in_turns
from samples import whole

TEXTS = st.lists(st.text(alphabet="abλ", max_size=2), max_size=40)


@given(TEXTS)
def test_texts_are_put_in_order_however_many_steps_it_takes(texts: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turns, "_STEP", 3)
        assert whole(in_order(texts)) == sorted(texts)
        assert whole(in_order(sorted(texts))) == sorted(texts)


@given(TEXTS)
def test_of_equal_texts_one_is_left(texts: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turns, "_STEP", 3)
        assert sorted(whole(each_once(texts))) == sorted(set(texts))
        assert whole(each_once(sorted(set(texts)))) == sorted(set(texts))


def test_other_work_has_a_turn_whenever_a_stretch_of_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moments = iter(range(100))
    monkeypatch.setattr(turns, "perf_counter", lambda: next(moments))
    monkeypatch.setattr(turns, "_STRETCH", 1.5)  # two steps by this clock
    seen: list[str] = []

    def work() -> Steps[str]:
        for number in range(6):
            seen.append(str(number))
            yield
        return "done"

    async def other() -> None:
        while True:
            seen.append("other")
            await asyncio.sleep(0)

    async def both() -> str:
        others = asyncio.ensure_future(other())
        try:
            return await in_turns(work())
        finally:
            others.cancel()

    assert asyncio.run(both()) == "done"
    assert seen == ["0", "1", "other", "2", "3", "other", "4", "5", "other"]


def test_a_failure_of_the_work_is_raised() -> None:
    def work() -> Steps[None]:
        yield
        raise LookupError

    with pytest.raises(LookupError):
        asyncio.run(in_turns(work()))
