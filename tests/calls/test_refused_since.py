"""What is forgotten of Hub's refusals, and that nothing is shown for it."""

from collections.abc import Sequence
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from hubv1.api.names import Repository
from hubv1.calls import cache
from hubv1.hub.credentials import ANONYMOUS, Basic, Credentials

CREDENTIALS: list[Credentials] = [ANONYMOUS, Basic("joe", "1"), Basic("joe", "2")]
REPOSITORIES = [Repository("library", name) for name in ("a", "b", "c")]
Noted = tuple[Credentials, Repository | None, float]

noted = st.lists(
    st.tuples(
        st.sampled_from(CREDENTIALS),
        st.sampled_from([*REPOSITORIES, None]),
        st.floats(0, 40, allow_nan=False),
    ),
    max_size=40,
)


@given(noted, st.integers(1, 12))
def test_no_refusal_of_the_last_hour_is_ever_overlooked(notes: Sequence[Noted], most: int) -> None:
    now = 1_000.0
    with mock.patch.object(cache, "time", mock.Mock(monotonic=lambda: now)):
        memory = cache.RefusedSince(most, 3_600)
        latest: dict[tuple[Credentials, Repository | None], float] = {}
        for credentials, repository, seconds in notes:
            now += seconds
            memory.note(credentials, repository)
            latest[credentials, repository] = now
            for who in CREDENTIALS:
                for what in REPOSITORIES:
                    known = max(latest.get((who, what), 0), latest.get((who, None), 0))
                    assert known <= memory.last(who, what) <= now


@given(noted)
def test_as_long_as_there_is_room_one_refusal_says_nothing_of_others(
    notes: Sequence[Noted],
) -> None:
    now = 1_000.0
    with mock.patch.object(cache, "time", mock.Mock(monotonic=lambda: now)):
        memory = cache.RefusedSince(10_000, 3_600)
        for credentials, repository, seconds in notes:
            now += seconds
            memory.note(credentials, repository)
        for who in CREDENTIALS:
            for what in REPOSITORIES:
                is_noted = any(each[0] == who and each[1] in (what, None) for each in notes)
                assert (memory.last(who, what) > 0) == is_noted
