"""Each replacement is proven with the stand-in, and found to differ where that is otherwise."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from e2e.clients import tool
from hubv1 import replacements
from hubv1.api.routes import Listing
from hubv1.proof import TOOLS, snippet_runner
from hubv1.proof.proving import MISSING_TAG
from hubv1.report import ProofResult
from proof.proving import ACCOUNT, candidate, catalog, for_snippets, prove, results
from standin import Quirk, Settings, Standin, bodies, faults, make_tag
from standin.rules import Action

PAGES = "acme/pages"
LIST = f"{PAGES}/tags/list"
PYTHON = (TOOLS["python"],)

Json = dict[str, Any]
Break = Callable[[Standin], object]


@pytest.fixture
def hub() -> Iterator[Standin]:
    with Standin(catalog(), Settings(failed_logins=0)) as hub:
        yield hub


EVERYTHING = [
    candidate(Listing.TAGS, "three"),
    candidate(Listing.TAGS, "none"),
    candidate(Listing.TAGS, "pages"),
    candidate(Listing.TAGS, "long"),
    candidate(Listing.TAGS, "nothing"),
    candidate(Listing.TAGS, "private"),
    candidate(Listing.TAG, "three", "12", "latest", "11"),
    candidate(Listing.TAG, "nothing", "12"),
    candidate(Listing.IMAGES, "pages"),
    candidate(Listing.IMAGES, "nothing"),
]
SIGNED = [
    candidate(Listing.TAGS, "private", signed=True),
    candidate(Listing.TAG, "private", "latest", signed=True),
    candidate(Listing.IMAGES, "long", signed=True),
]


class TestEqual:
    @pytest.mark.parametrize("name", TOOLS)
    def test_every_replacement_gives_what_the_bridge_answers(self, hub: Standin, name: str) -> None:
        if name != "python":
            tool(name)
            tool("jq")
        every = [each for each in EVERYTHING if name != "skopeo" or each.key[0] is Listing.TAGS]
        proofs = prove(hub, *every, tools=[TOOLS[name]])
        assert [proof for proof in proofs if proof.result is not ProofResult.EQUAL] == []
        assert {proof.tool for proof in proofs} == {TOOLS[name]}
        compared = {proof.key[:2]: proof.compared for proof in proofs}
        assert compared[Listing.TAGS, "acme/long"] == 1_500

    def test_what_is_recommended_is_run_where_its_programs_are_here(self, hub: Standin) -> None:
        for name in ("skopeo", "curl", "jq"):
            tool(name)
        proofs = prove(hub, *EVERYTHING[:1], *EVERYTHING[6:7], tools=[*TOOLS.values()])
        assert [proof.tool for proof in proofs] == ["skopeo", "curl"]

    def test_what_signs_in_is_proven_with_an_account(self, hub: Standin) -> None:
        assert results(prove(hub, *SIGNED, account=ACCOUNT)) == {ProofResult.EQUAL}

    def test_odd_tags_are_no_difference(self, hub: Standin) -> None:
        hub.catalog.add("acme/odd", [make_tag("acme/odd", quirk.name, quirk) for quirk in Quirk])
        assert results(prove(hub, candidate(Listing.IMAGES, "odd"))) == {ProofResult.EQUAL}

    def test_each_way_is_asked_once_where_they_agree(self, hub: Standin) -> None:
        prove(hub, candidate(Listing.TAG, "three", "12"))
        agents = [call.headers["user-agent"].partition("/")[0] for call in hub.calls]
        assert agents == ["the-bridge", "Python-urllib"] * 2
        assert [call.path.rpartition("/")[2] for call in hub.calls] == [
            "12",
            "12",
            MISSING_TAG,
            MISSING_TAG,
        ]

    def test_there_is_a_pause_for_each_request_of_the_bridge(self, hub: Standin) -> None:
        prove(hub, candidate(Listing.IMAGES, "pages"), pace=0.03)
        times = [call.seconds for call in hub.calls]
        agents = [call.headers["user-agent"] for call in hub.calls]
        assert agents[:3] == ["the-bridge"] * 3
        assert times[3] - times[2] >= 3 * 0.03


def listed(edit: Callable[[list[str]], list[str]], match: str = LIST) -> Break:
    """A registry whose list is edited."""

    def change(payload: Json) -> object:
        return payload | {"tags": edit(payload["tags"])} if "tags" in payload else payload

    return lambda hub: hub.faults.add(match, faults.rewrite(change), listener="registry")


def paged(edit: Callable[[Json], object]) -> Break:
    """Pages of Hub's that are edited for snippets alone."""
    action = for_snippets(faults.rewrite(edit))
    return lambda hub: hub.faults.add(f"{PAGES.split('/')[1]}/tags", action)


def tagged(action: Action, match: str = "three/tags/") -> Break:
    return lambda hub: hub.faults.add(match, for_snippets(action))


def mutation_of_list(seed: int) -> Break:
    """What a registry may do to one name or some."""
    chance = random.Random(seed)  # noqa: S311  # the same each time is the point
    at, many = chance.randrange(250), chance.randrange(1, 250)
    edits: list[Callable[[list[str]], list[str]]] = [
        lambda names: names[:at] + names[at + 1 :],
        lambda names: [*names, f"extra-{seed}"],
        lambda names: [*names[:at], f"renamed-{seed}", *names[at + 1 :]],
        lambda names: names[:many],
        lambda names: names[many:],
        lambda _: [],
        lambda names: [name for name in names if name != "latest"],
        lambda names: [name.upper() if name == "latest" else name for name in names],
        lambda names: [*names, names[at]],
    ]
    return listed(edits[seed % len(edits)])


def mutation_of_images(seed: int) -> Break:
    chance = random.Random(seed)  # noqa: S311  # the same each time is the point
    at = chance.randrange(100)

    def with_tag(payload: Json, change: Callable[[Json], Json]) -> Json:
        tags = [dict(tag) for tag in payload["results"]]
        if at < len(tags):
            tags[at] = change(tags[at])
        return payload | {"results": tags}

    other = {"digest": "sha256:" + f"{seed:064x}"}
    edits: list[Callable[[Json], object]] = [
        lambda page: with_tag(page, lambda tag: tag | {"images": [other], **other}),
        lambda page: page | {"results": page["results"][:10], "next": None, "count": 10},
        lambda page: page | {"results": [], "next": None, "count": 0},
        lambda page: with_tag(page, lambda tag: tag | {"images": [*(tag["images"]), other]}),
    ]
    return paged(edits[seed % len(edits)])


TAG_MUTATIONS = {
    "404": tagged(faults.status(404, {"message": "no"}), "three/tags/(12|latest)$"),
    "always there": tagged(faults.status(200, {})),
    "redirected": tagged(faults.redirect("/v2/somewhere")),
    "403": tagged(faults.status(403)),
    "500": tagged(faults.status(500)),
}
LIST_TROUBLES = {
    "500": faults.status(500),
    "403": faults.status(403),
    "404": faults.status(404),
    "half of the JSON": faults.broken_json(),
    "another JSON": faults.status(200, {"message": "no"}),
    "a page for people": faults.html(),
}


class TestMutations:
    @pytest.mark.parametrize("seed", range(18))
    def test_a_registry_that_lists_other_names_is_found_out(self, hub: Standin, seed: int) -> None:
        mutation_of_list(seed)(hub)
        [proof] = prove(hub, candidate(Listing.TAGS, "pages"))
        assert proof.result is ProofResult.DIFFERS
        assert proof.missing or proof.extra or "more than once" in proof.reason

    @pytest.mark.parametrize("seed", range(8))
    def test_pages_with_other_images_are_found_out(self, hub: Standin, seed: int) -> None:
        mutation_of_images(seed)(hub)
        [proof] = prove(hub, candidate(Listing.IMAGES, "pages"))
        assert (proof.result, proof.missing_count + proof.extra_count > 0) == ("differs", True)

    @pytest.mark.parametrize("name", TAG_MUTATIONS)
    def test_an_answer_for_a_tag_that_is_another_is_found_out(
        self, hub: Standin, name: str
    ) -> None:
        TAG_MUTATIONS[name](hub)
        [proof] = prove(hub, candidate(Listing.TAG, "three", "12", "latest"))
        assert proof.result is ProofResult.DIFFERS
        assert proof.in_words

    @pytest.mark.parametrize("name", LIST_TROUBLES)
    def test_a_list_that_cannot_be_had_is_found_out(self, hub: Standin, name: str) -> None:
        hub.faults.add(LIST, LIST_TROUBLES[name])
        [proof] = prove(hub, candidate(Listing.TAGS, "pages"))
        assert proof.result is ProofResult.DIFFERS
        assert proof.reason.startswith(("it fails: ", "it finds nothing"))

    def test_a_registry_that_gives_pages_is_found_out(self, hub: Standin) -> None:
        hub.settings.registry_page = 100
        [proof] = prove(hub, candidate(Listing.TAGS, "pages"))
        assert (proof.result, "more pages" in proof.reason) == (ProofResult.DIFFERS, True)

    def test_a_list_in_another_order_is_found_out(
        self, hub: Standin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scripts = copytree(replacements._SCRIPTS, tmp_path / "scripts")
        code = (scripts / "tags.python").read_text()
        (scripts / "tags.python").write_text(code.replace('(name != "latest", name)', "name"))
        monkeypatch.setattr(replacements, "_SCRIPTS", scripts)
        replacements._scripts.cache_clear()
        try:
            [proof] = prove(hub, candidate(Listing.TAGS, "pages"))
        finally:
            replacements._scripts.cache_clear()
        assert (proof.result, proof.reason) == (ProofResult.DIFFERS, "it gives another order")

    def test_names_missing_and_extra_are_told_in_full_and_counted(self, hub: Standin) -> None:
        listed(lambda names: [*names[30:], "extra"])(hub)
        [proof] = prove(hub, candidate(Listing.TAGS, "pages"))
        assert (proof.missing_count, len(proof.missing)) == (30, 20)
        assert proof.extra == ("extra",)
        assert proof.in_words.startswith("30 missing: 1.0.1, 1.0.10, ")
        assert proof.in_words.endswith(" and 10 more; 1 extra: extra")


class TestUnproven:
    def test_what_signs_in_is_left_without_an_account_and_nobody_is_asked(
        self, hub: Standin
    ) -> None:
        proofs = prove(hub, *SIGNED)
        assert results(proofs) == {ProofResult.UNPROVEN}
        assert all("--username" in proof.reason for proof in proofs)
        assert hub.calls == []

    def test_what_the_bridge_itself_cannot_answer_is_left(self, hub: Standin) -> None:
        [proof] = prove(hub, candidate(Listing.IMAGES, "long"))
        assert (proof.result, "incomplete" in proof.reason) == (ProofResult.UNPROVEN, False)
        assert "the bridge answers 502 itself" in proof.reason

    @pytest.mark.parametrize("action", [faults.drop(), bodies.cut()], ids=["drop", "cut"])
    def test_a_connection_that_breaks_says_nothing_of_a_replacement(
        self, hub: Standin, action: Action
    ) -> None:
        hub.faults.add("three/tags/list", for_snippets(action))
        [proof] = prove(hub, candidate(Listing.TAGS, "three"))
        assert (proof.result, bool(proof.reason)) == (ProofResult.UNPROVEN, True)

    def test_a_hub_that_wants_to_be_left_alone_is(self, hub: Standin) -> None:
        hub.faults.add("/v2/", faults.rate_limited(600), listener="hub")
        reasons: list[str] = []
        assert prove(hub, *EVERYTHING[:3], left=reasons.append) == []
        assert "left for another time" in reasons[0]
        assert len(hub.calls) == 1

    def test_a_limit_that_snippets_meet_is_waited_out_once(
        self, hub: Standin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(snippet_runner, "UNNAMED_WAIT", 0)
        limit = for_snippets(faults.status(429))
        hub.faults.add("three/tags/list", limit, skip=1, times=1)
        reasons: list[str] = []
        proofs = prove(hub, candidate(Listing.TAGS, "three"), left=reasons.append)
        assert (results(proofs), reasons) == ({ProofResult.EQUAL}, [""])
        hub.faults.add("three/tags/list", limit)
        assert prove(hub, candidate(Listing.TAGS, "three"), left=reasons.append) == []
        assert "limits the rate of requests" in reasons[-1]


@pytest.mark.parametrize("seed", range(4))
def test_tags_that_come_and_go_are_no_difference(hub: Standin, seed: int) -> None:
    chance, names = random.Random(seed), [f"nightly-{number}" for number in range(30)]  # noqa: S311  # the same each time is the point

    def churn(_: object) -> None:
        name = chance.choice(names)
        if name in hub.catalog[PAGES].shelf.names:
            hub.catalog.remove_tag(PAGES, name)
        else:
            hub.catalog.add_tag(PAGES, name)

    hub.before_request(churn)
    every = [candidate(Listing.TAGS, "pages"), candidate(Listing.TAG, "pages", *names[:3])]
    assert ProofResult.DIFFERS not in results(prove(hub, *every))
