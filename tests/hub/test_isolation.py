"""What one caller may see is shown to nobody else: not kept, not shared, not old, not borrowed."""

import asyncio
from types import SimpleNamespace

import pytest

from hubv1.calls import Limits, Result, cache
from hubv1.hub.credentials import ANONYMOUS, Anonymous, Basic, Bearer, Credentials
from standin import Standin, faults
from visitors import (
    ACME,
    IMAGES,
    JOE,
    TAG,
    TAGS,
    V1,
    WRONG,
    Clock,
    Visitors,
    asked,
    authorizations,
    is_challenge,
    played,
)

OTHERS = [
    pytest.param(ANONYMOUS, 404, id="anonymous"),
    pytest.param(Anonymous("token"), 404, id="v1's own token"),
    pytest.param(JOE, 404, id="another user"),
    pytest.param(WRONG, 401, id="another secret"),
    pytest.param(Basic("ACME", "right"), 401, id="another spelling"),
    pytest.param(Basic("acme", ""), 401, id="no secret"),
    pytest.param(Bearer("right"), 401, id="the secret as a token"),
    pytest.param(Bearer("x.y.z"), 401, id="a token"),
]
PATHS = [TAGS, TAG, IMAGES]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Seconds that pass at once, for answers that are kept."""
    clock = Clock()
    monkeypatch.setattr(cache, "time", SimpleNamespace(monotonic=clock))
    return clock


class TestAPrivateAnswer:
    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize(("other", "status"), OTHERS)
    def test_that_is_kept_is_kept_for_its_owner(
        self, hub: Standin, path: str, other: Credentials, status: int
    ) -> None:
        async def in_turns(visitors: Visitors) -> list[tuple[int, str]]:
            results = [await visitors.ask(path, given) for given in (ACME, other, ACME)]
            return [(result.answer.status, result.cache) for result in results]

        expected = [(200, "miss"), (status, "miss"), (200, "hit")]
        assert played(hub, in_turns, ttl=60) == expected

    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize(("other", "status"), OTHERS)
    def test_that_is_under_way_is_joined_by_its_owner_alone(
        self, hub: Standin, path: str, other: Credentials, status: int
    ) -> None:
        async def meanwhile(visitors: Visitors) -> list[tuple[int, str]]:
            calls = [visitors.ask(path, given) for given in (ACME, other, ACME)]
            return [(result.answer.status, result.cache) for result in await asyncio.gather(*calls)]

        expected = [(200, "miss"), (status, "miss"), (200, "collapsed")]
        assert played(hub, meanwhile, ttl=60) == expected

    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize(("other", "status"), OTHERS)
    def test_stands_in_for_its_owner_alone_where_hub_is_down(
        self, hub: Standin, clock: Clock, path: str, other: Credentials, status: int
    ) -> None:
        async def in_turns(visitors: Visitors) -> list[Result]:
            kept = await visitors.ask(path, ACME)
            clock.now += 61
            hub.faults.add("/", faults.drop())
            return [kept, await visitors.ask(path, other), await visitors.ask(path, ACME)]

        kept, theirs, mine = played(hub, in_turns, ttl=60)
        assert (mine.answer, mine.cache) == (kept.answer, "stale")
        assert theirs.cache != "stale"
        assert theirs.answer.status in (502, 401)
        assert b"latest" not in theirs.answer.body

    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize(("other", "status"), OTHERS)
    def test_is_not_lent_out_by_the_bridges_own_account(
        self, hub: Standin, path: str, other: Credentials, status: int
    ) -> None:
        async def in_turns(visitors: Visitors) -> list[int]:
            return await visitors.statuses(path, ACME, other)

        assert played(hub, in_turns, ttl=60, account=ACME) == [200, status]

    def test_is_not_shown_once_its_secret_is_rejected(self, hub: Standin) -> None:
        """A new password, and the token ended: what the old one opened is closed."""

        async def in_turns(visitors: Visitors) -> list[tuple[int, str]]:
            results = [await visitors.ask(TAGS, ACME)]
            hub.catalog.accounts["acme"] = "new"
            hub.expire_tokens()
            results += [await visitors.ask(TAG, ACME), await visitors.ask(TAGS, ACME)]
            hub.faults.add("/", faults.drop())
            results.append(await visitors.ask(TAGS, ACME))
            return [(result.answer.status, result.cache) for result in results]

        expected = [(200, "miss"), (401, "miss"), (401, "miss"), (401, "miss")]
        assert played(hub, in_turns, ttl=60) == expected


def test_calls_without_credentials_share_whatever_way_they_said_so(hub: Standin) -> None:
    async def each(visitors: Visitors) -> list[str]:
        kinds = ("none", "token", "basic", "other")
        path = f"{V1}/debian/tags"
        return [(await visitors.ask(path, Anonymous(kind))).cache for kind in kinds]

    assert played(hub, each, ttl=60) == ["miss", "hit", "hit", "hit"]
    assert authorizations(hub.calls) == [""]


def test_200_callers_at_once_each_get_their_own(hub: Standin) -> None:
    def mine(number: int) -> Basic:
        return Basic(f"user{number}", f"secret {number}")

    for number in range(20):
        hub.catalog.accounts[mine(number).user] = mine(number).secret
        hub.catalog.add(f"user{number}/app", [f"only-{number}"], private=True)

    async def at_once(visitors: Visitors) -> list[list[Result]]:
        async def of(number: int) -> list[Result]:
            path = f"{V1}/user{number}/app/tags"
            askers = [mine(other % 20) for other in range(number, number + 10)]
            return await asyncio.gather(*(visitors.ask(path, given) for given in askers))

        return await asyncio.gather(*(of(number) for number in range(20)))

    for number, results in enumerate(played(hub, at_once, ttl=60)):
        assert [result.answer.status for result in results] == [200, *[404] * 9]
        assert f"only-{number}".encode() in results[0].answer.body


class TestAChallenge:
    terms = Limits(20, challenge=True)

    @pytest.mark.parametrize("path", [*PATHS, f"{V1}/nobody/nothing/tags", f"{V1}/debian/tags/9"])
    @pytest.mark.parametrize("kind", ["none", "token", "basic", "other"])
    def test_is_what_anonymous_callers_get_for_a_404(
        self, hub: Standin, path: str, kind: str
    ) -> None:
        result = asked(hub, path, Anonymous(kind), terms=self.terms)
        assert is_challenge(result)
        assert result.outcome == "translated"

    @pytest.mark.parametrize("path", PATHS)
    def test_is_not_for_callers_with_credentials(self, hub: Standin, path: str) -> None:
        plain = asked(hub, path, JOE)
        assert asked(hub, path, JOE, terms=self.terms).answer == plain.answer
        assert plain.answer.status == 404
        assert asked(hub, path, ACME, terms=self.terms).answer.status == 200

    @pytest.mark.parametrize("path", [f"{V1}/ACME/app/tags", f"{TAGS}/-x", f"{V1}/a--/x/images"])
    def test_is_not_for_names_that_are_impossible(self, hub: Standin, path: str) -> None:
        assert asked(hub, path, terms=self.terms).answer.status == 404
        assert hub.calls == []

    def test_leaves_all_other_answers_as_they_are(self, hub: Standin) -> None:
        hub.faults.add("/refused/", faults.status(403))
        paths = {f"{V1}/debian/tags": 200, f"{V1}/x/refused/tags": 403, f"{V1}/many/images": 502}
        for path, status in paths.items():
            assert asked(hub, path, terms=self.terms).answer.status == status

    def test_is_as_little_kept_as_a_404(self, hub: Standin) -> None:
        async def check_push_check(visitors: Visitors) -> list[int]:
            path = f"{V1}/debian/tags/new"
            before = await visitors.statuses(path, ANONYMOUS)
            hub.catalog.add_tag("debian", "new")
            return before + await visitors.statuses(path, ANONYMOUS)

        assert played(hub, check_push_check, ttl=60, terms=self.terms) == [401, 200]

    @pytest.mark.parametrize("path", PATHS)
    def test_takes_an_old_answer_away_from_anonymous_callers_as_a_404_does(
        self, hub: Standin, clock: Clock, path: str
    ) -> None:
        async def closing(visitors: Visitors) -> list[int]:
            hub.catalog.add("acme/app", ["1.0", "latest"])
            open_ = await visitors.ask(path)
            clock.now += 61
            hub.catalog.add("acme/app", ["1.0", "latest"], private=True)
            closed = await visitors.ask(path)
            hub.faults.add("/", faults.drop())
            return [each.answer.status for each in (open_, closed, await visitors.ask(path))]

        assert played(hub, closing, ttl=60, terms=self.terms) == [200, 401, 502]
