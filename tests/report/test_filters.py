"""The command shows what was asked for: its figures, its days, its exit code."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hubv1.api.routes import Outcome
from hubv1.journal import Gap, Seen
from hubv1.report import FORMATS
from report import processes
from report.inside import report, told
from report.made import write_journal
from report.processes import complaint
from report.recordings import recorded, written
from samples import make_entry

TAG = "GET /v1/repositories/{name}/tags/{tag_name}"
NOW = datetime.now(UTC)
DAY = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Nine calls in March by three callers, and one just now."""
    return write_journal(
        tmp_path / "journal.sqlite3",
        *(make_entry() for _ in range(5)),
        make_entry(caller="build [main]", namespace="acme", repository="tool", route=TAG),
        *(make_entry(caller="wget", outcome=Outcome.GONE, started_at=at(hours=30)) for _ in "12"),
        make_entry(caller="wget", server_address="mirror.example", started_at=at(hours=31)),
        make_entry(caller="now", started_at=NOW),
        seen=Seen(flows=20),
    )


def at(**later: float) -> datetime:
    return DAY + timedelta(**later)


def callers(body: dict[str, Any]) -> dict[str, int]:
    return {use["caller"]: use["calls"] for use in body["callers"]}


class TestNames:
    @pytest.mark.parametrize(
        ("arguments", "found"),
        [
            (("--caller", "wget"), {"wget": 3}),
            (("--caller", "build [main]"), {"build [main]": 1}),
            (("--caller", "curl*"), {"curl/8.1 at 10.0.0.7": 5}),
            (("--caller", "now", "--caller", "b*"), {"now": 1, "build [main]": 1}),
            (("--caller", "ge"), {"wget": 3}),
            (("--caller", "[main]"), {"build [main]": 1}),
            (("--caller", "wget", "--caller", "o"), {"wget": 3, "now": 1}),
            (("--route", TAG), {"build [main]": 1}),
            (("--route", "*/tags/*"), {"build [main]": 1}),
            (("--repository", "acme/*"), {"build [main]": 1}),
            (("--repository", "debian"), {"curl/8.1 at 10.0.0.7": 5, "wget": 3, "now": 1}),
            (("--outcome", "gone"), {"wget": 2}),
            (("--outcome", "gone", "--caller", "now"), {}),
            (("--host", "Mirror.Example."), {"wget": 1}),
        ],
        ids=str,
    )
    def test_calls_of_others_are_left_out_of_everything(
        self, journal: Path, arguments: tuple[str, ...], found: dict[str, int]
    ) -> None:
        body = told("--journal", journal, *arguments, code=0)
        assert callers(body) == found
        calls = sum(found.values())
        assert body["totals"]["calls"] == body["seen"]["legacy"] == calls
        assert sum(day["calls"] for day in body["days"]) == calls
        assert sum(finding["calls"] for finding in body["findings"]) == calls

    def test_traffic_is_what_was_seen_all_the_same(self, journal: Path) -> None:
        found = told("--journal", journal, "--caller", "now", "--outcome", "gone")
        assert found["seen"]["flows"] == 20
        shown = report("--journal", journal, "--repository", "acme/*", "--outcome", "gone").stdout
        assert shown.startswith(
            "No such legacy call in 20 flows. Only this was asked for: repository acme/*, outcome "
            "gone."
        )

    def test_a_whole_name_is_not_taken_for_a_part_of_others(self, tmp_path: Path) -> None:
        calls = make_entry(caller="job"), make_entry(caller="job-2", outcome=Outcome.GONE)
        path = write_journal(tmp_path / "names", *calls, seen=Seen(flows=9))
        assert callers(told("--journal", path, "--caller", "job")) == {"job": 1}
        found = told("--journal", path, "--caller", "job", "--outcome", "gone", code=0)
        assert callers(found) == {}

    def test_a_part_is_told_as_it_was_asked_for(self, journal: Path) -> None:
        assert told("--journal", journal, "--caller", "ge")["filter"]["callers"] == ["ge"]


class TestUnknownNames:
    """A gate must not be green because of a slip of the pen, nor fail once a caller has moved."""

    @pytest.mark.parametrize(
        ("arguments", "near"),
        [
            (("--caller", "WGET"), "There is no caller 'WGET'. Near it: wget."),
            (("--caller", "wgte*"), "There is no caller 'wgte*'. Near it: wget."),
            (("--caller", "wget", "--caller", "bild"), "There is no caller 'bild'. Near it: buil"),
            (("--repository", "acme/tol"), "There is no repository 'acme/tol'. Near it: acme/tool"),
            (("--repository", "alpine"), "There is no repository 'library/alpine'. "),
            (("--host", "miror.example"), "There is no host 'miror.example'. Near it: mirror.exa"),
        ],
        ids=str,
    )
    def test_are_wrong_usage_with_the_nearest(
        self, journal: Path, arguments: tuple[str, ...], near: str
    ) -> None:
        for period in ((), ("--since", "24h"), ("--fail-on", "any")):
            done = report("--journal", journal, *arguments, *period)
            assert (done.returncode, done.stdout) == (2, "")
            assert near in done.stderr

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--caller", "wget"),
            ("--caller", "wg"),
            ("--repository", "acme/*"),
            ("--repository", "acme/tool"),
            ("--host", "mirror.example"),
            ("--host", "registry.hub.docker.com"),
        ],
        ids=str,
    )
    def test_names_without_a_call_in_the_period_are_none(
        self, journal: Path, arguments: tuple[str, ...]
    ) -> None:
        done = report("--journal", journal, *arguments, "--since", "24h", "--fail-on", "any")
        assert done.returncode == 0, done

    @pytest.mark.parametrize("form", FORMATS)
    def test_are_so_in_every_format(self, journal: Path, form: str) -> None:
        done = report("--journal", journal, "--caller", "wgte", "--format", form)
        assert (done.returncode, done.stdout) == (2, "")
        period = ("--since", "24h", "--fail-on", "any")
        done = report("--journal", journal, "--caller", "wget", *period, "--format", form)
        assert done.returncode == 0, done

    def test_names_of_an_earlier_report_are_none(self, journal: Path, tmp_path: Path) -> None:
        before, now = tmp_path / "before.json", tmp_path / "now"
        asked = ("--caller", "wget", "--repository", "debian", "--host", "mirror.example")
        report("--journal", journal, *asked, "-o", before)
        write_journal(now, make_entry(caller="x", repository="y"), seen=Seen(flows=9))
        found = told("--journal", now, *asked, "--baseline", before, code=0)
        assert found["baseline"]["gone"] == ["wget"]

    def test_names_of_an_allowlist_are_none(self, journal: Path, tmp_path: Path) -> None:
        file = tmp_path / "accepted.toml"
        file.write_text('[[ignore]]\ncaller = "mirror/*"\nreason = "x"\nuntil = 2020-01-01\n')
        for name in ("mirror/*", "mirror/3"):
            told("--journal", journal, "--ignore", file, "--caller", name, code=0)
        done = report("--journal", journal, "--ignore", file, "--caller", "mirrors")
        assert done.returncode == 2

    def test_a_caller_that_calls_itself_a_pattern_makes_no_name_known(self, tmp_path: Path) -> None:
        path = write_journal(tmp_path / "names", make_entry(caller="*"), seen=Seen(flows=9))
        assert report("--journal", path, "--caller", "nightly").returncode == 2

    def test_are_looked_for_in_recordings_too(self, tmp_path: Path) -> None:
        path = written(tmp_path / "flows", recorded(), recorded("/v1/repositories/a/b/tags"))
        assert report(path, "--repository", "a/c").returncode == 2
        assert report(path, "--repository", "a/b", "--since", "24h").returncode == 1
        assert callers(told(path, "--caller", "10.0.0.7")) == {"curl/8.1 at 10.0.0.7": 2}


class TestPeriod:
    @pytest.mark.parametrize(
        ("arguments", "found"),
        [
            (("--since", "24h"), {"now": 1}),
            (("--until", "24h"), {"curl/8.1 at 10.0.0.7": 5, "build [main]": 1, "wget": 3}),
            (("--until", "2026-03-01"), {"curl/8.1 at 10.0.0.7": 5, "build [main]": 1}),
            (("--since", "2026-03-02", "--until", "2026-03-02"), {"wget": 3}),
            (("--since", "2026-03-02T19:00:00Z", "--until", "24h"), {"wget": 1}),
            (("--since", "2026-03-02T18:59:59Z", "--until", "2026-03-02T19:00:00Z"), {"wget": 2}),
            (("--since", "2026-03-01T13:00Z", "--until", "2026-03-02T18:00Z"), {}),
        ],
        ids=str,
    )
    def test_it_is_exact_to_the_hour(
        self, journal: Path, arguments: tuple[str, ...], found: dict[str, int]
    ) -> None:
        body = told("--journal", journal, *arguments)
        assert callers(body) == found
        assert sum(day["calls"] for day in body["days"]) == sum(found.values())

    def test_traffic_and_gaps_are_those_of_the_period(self, tmp_path: Path) -> None:
        gap = Gap(at(hours=-1), at(hours=1), 5, "disk full")
        path = write_journal(tmp_path / "journal", make_entry(), seen=Seen(flows=3), gaps=(gap,))
        march = told("--journal", path, "--until", "2026-03-01T14:00:00Z", code=0)["seen"]
        assert (march["flows"], [gap["calls"] for gap in march["gaps"]]) == (1, [5])
        today = told("--journal", path, "--since", "24h", code=0)["seen"]
        assert (today["flows"], today["gaps"]) == (3, [])

    def test_a_period_in_which_nothing_was_seen_is_not_clean(self, journal: Path) -> None:
        done = report("--journal", journal, "--until", "2020-01-01")
        assert done.returncode == 1
        shown = " ".join(done.stdout.split())
        assert "No traffic recorded yet" in shown
        assert "Only this was asked for: until 2020-01-02 00:00 UTC." in shown

    def test_the_report_tells_its_period_and_names(self, journal: Path) -> None:
        body = told("--journal", journal, "--since", "2026-03-01", "--outcome", "gone")
        assert body["filter"] | {"accepted": []} == {
            "since": "2026-03-01T00:00:00Z",
            "until": None,
            "callers": [],
            "hosts": [],
            "routes": [],
            "repositories": [],
            "outcomes": ["gone"],
            "accepted": [],
        }


class TestRecordings:
    def test_a_host_that_is_named_stood_for_a_legacy_one(self, tmp_path: Path) -> None:
        flows = [recorded(host="mirror.example"), recorded(), recorded("/v1/search?q=x")]
        path = written(tmp_path / "flows", *flows)
        assert callers(told(path)) == {"curl/8.1 at 10.0.0.7": 1}
        body = told(path, "--host", "mirror.example")
        assert body["seen"]["hosts"] == ["mirror.example"]
        assert (body["totals"]["calls"], body["seen"]["flows"]) == (1, 3)

    @pytest.mark.parametrize(
        ("until", "flows", "calls"), [("2026-03-01T13:00Z", 2, 1), ("2026-03-01T12:00Z", 0, 0)]
    )
    def test_the_period_holds_for_their_traffic_too(
        self, tmp_path: Path, until: str, flows: int, calls: int
    ) -> None:
        path = written(tmp_path / "flows", recorded(), recorded(host="example.org"))
        body = told(path, "--until", until)
        assert (body["seen"]["flows"], body["totals"]["calls"]) == (flows, calls)

    def test_names_are_looked_for_in_them_too(self, tmp_path: Path) -> None:
        path = written(tmp_path / "flows", recorded(), recorded("/v1/repositories/a/b/tags"))
        assert told(path, "--repository", "a/b")["totals"]["calls"] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--since", "yesterday"), "'yesterday' is neither a time such as"),
        (("--since", "7d", "--until", "8d"), "no time is both since 7d and until 8d"),
        (("--host", "http://index.docker.io"), "is not a plain host name"),
        (("--host", "127.0.0.1:8080"), "is not a plain host name"),
        (("--outcome", "lost"), "lost"),
        (("--route", "GET /v1/repositories/{name}/tag"), "did you mean 'GET /v1/repositories/"),
        (("--route", "nowhere*"), "there is no route 'nowhere*'"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_for_is_refused(arguments: tuple[str, ...], said: str) -> None:
    done = report(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_the_usual_journal_is_asked_for_with_filters_too(tmp_path: Path) -> None:
    said = complaint(processes.report("--caller", "x", env={"HOME": str(tmp_path)}))
    assert "There is no journal at" in said
