"""scripts/bench: that it measures what it says, not how fast anything is."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench import (
    costs,
    equal,
    fleet,
    growth,
    history,
    lists,
    memory,
    page,
    recording,
    shared,
    soak,
    stalls,
    waits,
)
from bench.__main__ import main
from bench.compare import ratio_of
from bench.load import CLIENTS
from bench.memory import BEHIND
from bench.plan import MOST_BYTES, BenchError, Plan
from bench.programs import bridged, loop, skopeo
from bench.race import Times, Way, race
from bench.standins import running_hosts
from e2e.bridges import running_bridge
from e2e.clients import clean_environment, tool
from hubv1.calls import cache

TESTS = Path(__file__).parent
ADDON = TESTS.parent / "addon"
SMALL = Plan(
    rounds=1,
    calls=8,
    tags=3,
    races=1,
    latency=0.01,
    registry_list=450,
    hub_list=250,
    callers=6,
    calls_each=5,
    equal_calls=20,
    memory_calls=40,
    history_calls=3_000,
    kinds=5,
    backlog=50,
    fleet_calls=1,
    fleet_callers=20,
    reports=1,
    shared_calls=40,
    fill_bytes=600_000,
    page_calls=60,
    page_callers=20,
    minutes=0.1,
    soak_rounds=3,
    stall_rounds=1,
    quiet_seconds=0.1,
    stall_lists=((450, 128, 50),),
    stall_images=110,
)


def bench(home: Path, *arguments: str) -> str:
    measured = subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        env=clean_environment(home) | {"PYTHONPATH": f"{TESTS}:{ADDON}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert measured.returncode == 0, measured.stderr
    return measured.stdout


def test_only_the_parts_that_were_chosen_are_measured(tmp_path: Path) -> None:
    shown = bench(tmp_path, "--only", "growth", "equal", "--kinds=1", "--tags=3")
    assert [line for line in shown.splitlines() if line.startswith("==")] == [
        "== equal",
        "== growth",
    ]
    assert "1 kinds of them each hour" in shown


def test_help_names_every_part(tmp_path: Path) -> None:
    shown = bench(tmp_path, "--help")
    for name in (
        "calls",
        "cached",
        "waits",
        "lists",
        "stalls",
        "pages",
        "equal",
        "page",
        "recording",
        "history",
        "growth",
        "memory",
        "soak",
    ):
        assert f"\n  {name} " in shown


def test_other_traffic_and_new_calls_are_compared_both_ways(tmp_path: Path) -> None:
    lines = list(costs.new_calls(SMALL, tmp_path))
    assert [line.split("  ")[1].strip() for line in lines if line.startswith("  ")] == [
        "other traffic",
        "new, 5 tags",
        "new, 3 tags",
    ] * 2


def test_cached_calls_are_cached(tmp_path: Path) -> None:
    *_, last = costs.cached_calls(SMALL, tmp_path)
    # Warm-up and one round, with and without connections kept, of short and of long lists.
    assert last.split() == ["calls", "upstream", "2,", "for", "64", "calls", "in", "the", "journal"]


def test_the_slowest_calls_are_told_from_the_others(tmp_path: Path) -> None:
    at_once, beside = waits.waits(SMALL, tmp_path)
    assert at_once.split()[:2] == ["6", "callers"]
    assert "one in a hundred" in at_once
    assert "beside 4 callers whose calls are recorded" in beside


@pytest.mark.parametrize(
    ("rounds", "bounds"), [(1, (0, 0)), (5, (0, 4)), (6, (0, 5)), (9, (1, 7)), (15, (3, 11))]
)
def test_the_bounds_of_a_ratio_are_those_of_its_median(
    rounds: int, bounds: tuple[int, int]
) -> None:
    ratio = ratio_of([float(each) for each in reversed(range(rounds))])
    assert (ratio.low, ratio.high) == bounds
    assert ratio.median == (rounds - 1) / 2


@pytest.mark.parametrize(
    ("part", "asked"), [(lists.registry_list, "4 (goal 4 at most)"), (lists.hub_list, "")]
)
def test_lists_are_read_by_all_programs_that_there_are(
    tmp_path: Path, part: Callable[[Plan, Path], Iterator[str]], asked: str
) -> None:
    for program in ("curl", "jq", "skopeo"):
        tool(program)
    lines = list(part(SMALL, tmp_path))
    assert not [line for line in lines if "left out" in line]
    assert [line for line in lines if "curl and jq" in line and "the bridge" in line]
    assert bool(asked) == any("skopeo" in line for line in lines)
    assert any(asked in line for line in lines)
    assert bool(asked) == any("the first list" in line for line in lines)


def test_other_traffic_is_measured_beside_each_long_list(tmp_path: Path) -> None:
    tool("curl")
    _, *lines = stalls.stalls(SMALL, tmp_path)
    assert [line for line in lines if not line.startswith(" ")] == [
        "450 tags of 128 letters, 0.1 MB:",
        "images of 110 tags, 0.0 MB:",
    ]
    assert len([line for line in lines if "ms above quiet" in line and "quiet" in line]) == 2
    assert len([line for line in lines if "MB more" in line]) == 2


def test_every_way_finds_every_tag(tmp_path: Path) -> None:
    for program in ("curl", "jq", "skopeo"):
        tool(program)
    with (
        running_hosts(tmp_path, "bench/=450", counted=True) as hosts,
        running_bridge(
            tmp_path / "bridge",
            *("--mode", f"reverse:{hosts.hub}"),
            hub_url=hosts.hub,
            registry_url=hosts.registry,
        ) as bridge,
    ):
        hosts.make_pages("bench/x", 450)
        assert hosts.asked_by_bridge() == 0
        ours = bridged(bridge).tags("bench/x")
        assert hosts.asked_by_bridge() == bridge.new_row()["upstream_calls"] == 4
        assert len(set(ours)) == len(ours) == 450
        assert sorted(skopeo(hosts, tmp_path).tags("bench/x")) == sorted(ours)
        assert sorted(loop(hosts, tmp_path).tags("bench/x")) == sorted(ours)


def test_a_program_that_is_missing_costs_its_comparison_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for program in ("bash", "curl", "jq"):
        (folder / program).symlink_to(tool(program))
    monkeypatch.setenv("PATH", str(folder))
    lines = list(lists.registry_list(SMALL, tmp_path))
    assert "  skopeo is left out: skopeo is not installed." in lines
    assert [line for line in lines if "curl and jq" in line and "the bridge" in line]
    (folder / "curl").unlink()
    lines = list(lists.registry_list(SMALL, tmp_path / "without curl"))
    assert lines[1:] == [
        "  the bridge is left out: curl is not installed.",
        "  skopeo is left out: skopeo is not installed.",
        "  curl and jq is left out: curl is not installed.",
    ]


def test_a_race_gives_each_way_new_repositories_and_takes_no_short_list() -> None:
    asked: list[str] = []

    def two(repository: str) -> list[str]:
        asked.append(repository)
        return ["1", "2"]

    ways = [Way("one", (), two), Way("other", (), two)]
    prepared: list[str] = []
    times = race(ways, prepared.append, rounds=3, tags=2)
    assert [len(each.seconds) for each in times] == [3, 3]
    assert len(set(asked)) == 6
    assert prepared == asked
    with pytest.raises(RuntimeError, match="one found 2 of 3 tags"):
        race(ways, prepared.append, rounds=1, tags=3)


def test_a_ratio_is_the_peers_share() -> None:
    way = Way("x", (), lambda _: [])
    peer, ours = Times(way, (8.0, 2.0, 9.0)), Times(way, (2.0, 1.0, 1.0))
    assert ours.ratio_to(peer) == 4
    assert ours.shown == "x 1,000 ms (1,000 to 2,000)"


def test_equal_calls_are_counted_where_they_arrive(tmp_path: Path) -> None:
    *_, line = equal.equal_calls(SMALL, tmp_path)
    assert "calls upstream   3 (goal 3 at most)" in line
    assert "1 miss" in line


def test_recording_is_compared_with_a_bridge_that_records_in_memory(tmp_path: Path) -> None:
    *lines, last = recording.recording(SMALL, tmp_path)
    assert [line for line in lines if "in memory" in line and "on disk" in line]
    # Warm-up and one round, with and without connections kept.
    assert "32 calls" in last


def test_a_report_of_a_long_history_is_compared_with_one_of_a_short(tmp_path: Path) -> None:
    heading, *lines = history.history(SMALL, tmp_path)
    assert "3,000 calls by 200 callers" in heading
    assert [line.split("  ")[1].strip() for line in lines] == ["seconds", "MB", "times the cost"]
    assert "of 30 calls" in lines[-1]
    assert len(json.loads((tmp_path / "3000.json").read_text())["callers"]) == 200


def test_counts_stop_growing_once_the_oldest_go(tmp_path: Path) -> None:
    _, *lines, paper, calls = growth.growth(SMALL, tmp_path)
    sizes = [float(line.split()[0]) for line in lines]
    assert len(sizes) == growth.STEPS
    half = growth.STEPS // 2
    assert sizes[0] < sizes[half - 1]
    assert sizes[-1] <= 1.1 * sizes[half]
    assert "5 rows for each of 24 hours" in paper
    assert "bytes each" in calls


def test_memory_is_that_of_a_full_cache(tmp_path: Path) -> None:
    heading, full, *steps, last = memory.memory(SMALL, tmp_path)
    assert "40 calls" in heading
    assert full.endswith("with 8 long lists")  # that is how many are asked for at once
    assert [step.split()[-2] for step in steps] == [str(4 * step) for step in range(1, 11)]
    assert "growth in MB" in last
    # Half of the calls are for something new, beside the long lists.
    assert last.endswith("28 miss")


def test_a_page_is_made_measured_and_shown(tmp_path: Path) -> None:
    tool("chromium")
    heading, made, size, painted = page.page(SMALL, tmp_path)
    assert "60 calls by 20 callers" in heading
    assert all("at most)" in line for line in (made, size, painted))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<dt>Calls<dd>60<dd>" in text


def test_a_fleet_is_shipped_to_caught_up_with_and_reported(tmp_path: Path) -> None:
    lines = [*fleet.fleet(SMALL, tmp_path)]
    assert [line.split()[0] for line in lines] == ["shipping,", "shipping,", "backlog,", "report,"]
    assert lines[2].endswith("50 rows")
    assert "5,400 calls by 20 callers" in lines[3]


def test_three_bridges_that_share_by_path_ask_for_each_list_once(tmp_path: Path) -> None:
    title, by_turns, by_path, one = shared.shared(SMALL, tmp_path)
    lists = int(title.split()[3])
    assert int(one.split()[-1]) == lists
    assert int(by_path.split()[3].rstrip(",")) == lists
    assert int(by_turns.split()[3].rstrip(",")) > lists


def test_in_a_soak_nothing_grows_and_every_answered_call_is_recorded_once(tmp_path: Path) -> None:
    _, *rounds, last = soak.soak(SMALL, tmp_path)
    assert len(rounds) == SMALL.soak_rounds
    assert all("MB," in line and "descriptors," in line and "tasks," in line for line in rounds)
    assert last.endswith("each once in the journal and once in the fleet")
    assert "with 200" in last


LEAK = """
kept = []
class Leak:
    def request(self, flow):
        kept.append(open("/dev/null"))
addons = [Leak()]
"""


def test_a_soak_fails_where_something_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soak, "SETTLING", 1)
    (tmp_path / "leak.py").write_text(LEAK)
    with pytest.raises(BenchError, match=r"Descriptors grew from \d+ to \d+\."):
        [*soak.soak(replace(SMALL, minutes=0.02), tmp_path, "-s", str(tmp_path / "leak.py"))]


def test_a_soak_tells_what_grew() -> None:
    start = soak.Held(100.0, 20, 4, 10, 0, p99=20.0, p99_of_hub=5.0)
    assert [*soak.grown(start, replace(start, megabytes=109.0, threads=5, p99=80.0))] == []
    end = replace(start, megabytes=111.0, processes=1, p99=200.0)
    assert [*soak.grown(start, end)] == [
        "Megabytes grew from 100 to 111.",
        "Processes grew from 0 to 1.",
        "Answers were slower: 99 % came in 20 ms, then in 200 ms.",
    ]
    # On a machine that has become four times as slow.
    assert [*soak.grown(start, replace(start, p99=200.0, p99_of_hub=20.0))] == []


def test_a_soak_tells_which_calls_are_missing_or_twice() -> None:
    call = ("nightly", "/v1/repositories/a/tags", 200)
    other = ("tls", "/v1/repositories/b/tags", 200)
    assert [*soak.missing(Counter([call]), Counter([call]), [])] == []
    assert [*soak.missing(Counter([call, call, other]), Counter([call, other, other]), ["x"])] == [
        "Calls without an answer: 1, such as x.",
        f"Answered calls without a row in the journal: 1, such as {call}.",
        f"Rows in the journal for calls that were not answered so often: 1, such as {other}.",
    ]


def test_what_is_not_as_it_has_to_be_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(plan: Plan, _folder: Path) -> Iterator[str]:
        yield f"{plan.minutes:g} minutes"
        raise BenchError("soak: Threads grew from 3 to 30.")

    monkeypatch.setattr(soak, "soak", failing)
    monkeypatch.setattr(sys, "argv", ["bench", "soak", "--minutes=0.5"])
    assert main() == 1
    said = capsys.readouterr()
    assert "== soak\n0.5 minutes\n" in said.out
    assert said.err == "scripts/bench: soak: Threads grew from 3 to 30.\n"


def test_it_is_the_cache_of_the_bridge_that_is_filled() -> None:
    assert MOST_BYTES == cache.MOST_BYTES


def test_half_of_the_calls_are_new_for_each_client() -> None:
    paths = [memory.path(number) for number in range(400)]
    assert len(set(paths)) == 200
    for client in range(CLIENTS):
        theirs = paths[client::CLIENTS]
        assert len(set(theirs[::2])) == 50
        assert set(theirs[101::2]) <= set(paths[: 400 - BEHIND])
