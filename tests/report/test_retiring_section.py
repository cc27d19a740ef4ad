"""What Docker retires next stands in the report apart from v1, and changes nothing there."""

import csv
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from mitmproxy import http

from hubv1.api.routes import RETIRING, Outcome, Verdict
from hubv1.journal import CallRecord, Gap, Seen
from hubv1.report import summary
from hubv1.report.html import as_html
from hubv1.report.markdown import as_markdown
from hubv1.report.output import Look
from hubv1.report.terminal import as_text
from report.inside import report, told
from report.made import NOW, report_of, write_journal
from report.recordings import recorded, saved, written
from samples import make_entry

LOGIN = "POST /v2/users/login"
REPOSITORY = "GET /v2/repositories/{namespace}/{name}"
PAGE = "GET /v2/repositories/{namespace}/{name}/tags"
REFUSED = b'{"message":"pagination offset too large for anonymous requests","errinfo":{}}'
V1 = [make_entry(), make_entry(caller="c1", outcome=Outcome.GONE)]


def v2(route: str, caller: str = "shields", **changes: Any) -> CallRecord:
    given = {
        "caller": caller,
        "route": route,
        "verdict": Verdict.RETIRING,
        "outcome": Outcome.OBSERVED,
        "server_address": "hub.docker.com",
        "tags_listed": None,
    }
    return make_entry(**(given | changes))


V2 = [
    v2(REPOSITORY, namespace="acme", repository="app"),
    v2(REPOSITORY, "Harbor", namespace="acme", repository="app"),
    v2(PAGE, "Harbor", outcome=Outcome.TRANSLATED, source="account", tags_listed=7_831),
    v2(LOGIN, namespace="", repository="", started_at=NOW),
]


@pytest.fixture(params=["journal", "recording"])
def of_v1(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """A JSON report of v1 alone."""
    return _told(request.param, tmp_path / "v1", V1)


@pytest.fixture
def of_both(of_v1: dict[str, Any], request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """The same with calls to v2 beside them."""
    return _told(request.node.callspec.params["of_v1"], tmp_path / "both", [*V1, *V2])


def _told(kind: str, path: Path, entries: Sequence[CallRecord]) -> dict[str, Any]:
    if kind == "journal":
        return told("--journal", write_journal(path, *entries, seen=Seen(flows=50)))
    made = report_of(*entries, seen=Seen(flows=50))
    from hubv1.report.data import as_json

    shown: dict[str, Any] = json.loads("".join(as_json(made)))
    return shown


def test_no_figure_of_v1_changes(of_v1: dict[str, Any], of_both: dict[str, Any]) -> None:
    assert of_v1.pop("retiring") == []
    assert len(of_both.pop("retiring")) == 3
    assert {k: v for k, v in of_both.items() if k != "generated_at"} == {
        k: v for k, v in of_v1.items() if k != "generated_at"
    }


def test_json_has_each_route_with_who_calls_it_since_when_and_what_instead(
    of_both: dict[str, Any],
) -> None:
    login, other = of_both["retiring"][1:], of_both["retiring"][0]
    assert other == {
        "route": REPOSITORY,
        "since": "2025-09-19",
        "successor": "https://hub.docker.com/v2/namespaces/{namespace}/repositories/{repository}",
        "calls": 2,
        "callers": ["shields", "Harbor"],
        "last_seen": "2026-03-01T12:30:15Z",
    }
    page, signing = login
    assert (page["route"], page["since"], page["callers"]) == (PAGE, "2026-08-11", ["Harbor"])
    assert page["successor"].startswith("https://registry-1.docker.io/v2/")
    assert (signing["route"], signing["since"]) == (LOGIN, None)
    assert signing["successor"] == "https://hub.docker.com/v2/auth/token"


@pytest.mark.parametrize("row", RETIRING, ids=lambda row: row.name)
def test_every_row_can_be_reported(row: Any) -> None:
    made = report_of(v2(row.name))
    [use] = made.retiring
    assert (use.route, use.since) == (row.name, row.retired)
    assert use.successor.startswith("https://")
    for text in (as_text(made), as_text(made, Look(width=60)), as_markdown(made), as_html(made)):
        assert "What Docker retires next" in text
        assert row.path.partition("{")[0] in text
        flat = " ".join(unescape(text).split())
        assert row.sentence in flat
        assert row.instead in flat


@pytest.mark.parametrize("show", [as_text, as_markdown, as_html])
def test_a_report_without_such_calls_has_no_such_section(show: Any) -> None:
    assert "retires next" not in show(report_of(*V1))


def test_csv_has_a_row_for_each_caller_route_and_repository(tmp_path: Path) -> None:
    path = write_journal(tmp_path / "journal", *V1, *V2)
    done = report("--journal", path, "--format", "csv")
    rows = [*csv.DictReader(StringIO(done.stdout, newline=""))]
    of_v2 = [row for row in rows if row["state"] == "retiring"]
    assert (len(rows), len(of_v2)) == (6, 4)
    row = next(row for row in of_v2 if row["route"] == PAGE)
    assert (row["caller"], row["repository"], row["calls"]) == ("Harbor", "library/debian", "1")
    assert (row["address"], row["user_agent"]) == ("10.0.0.7", "curl/8.1")
    assert (row["translated"], row["paged"], row["standing"], row["reason"]) == ("1", "1", "", "")
    assert row["old"] == "https://hub.docker.com/v2/repositories/library/debian/tags"
    assert row["change"].startswith("Take the names from the registry's list")
    v1_calls = sum(int(row["calls"]) for row in rows if row["state"] != "retiring")
    assert v1_calls == told("--journal", path)["totals"]["calls"]


class TestGates:
    @pytest.fixture
    def only_v2(self, tmp_path: Path) -> Path:
        return write_journal(tmp_path / "journal", *V2, seen=Seen(flows=9))

    @pytest.mark.parametrize("fail_on", ["any", "unbridged", "never"])
    def test_no_other_gate_stops_at_them(self, only_v2: Path, fail_on: str) -> None:
        assert report("--journal", only_v2, "--fail-on", fail_on).returncode == 0

    def test_their_own_does(self, only_v2: Path, tmp_path: Path) -> None:
        done = report("--journal", only_v2, "--fail-on", "retiring", "--format", "json")
        assert done.returncode == 4
        assert "--fail-on retiring: there are calls to what Docker retires next." in done.stderr
        v1 = write_journal(tmp_path / "v1", *V1)
        assert report("--journal", v1, "--fail-on", "retiring").returncode == 0

    def test_it_follows_the_filters(self, only_v2: Path) -> None:
        for filters, code in (
            (["--caller", "shields"], 4),
            (["--caller", "nobody"], 2),
            (["--route", LOGIN], 4),
            (["--host", "index.docker.io"], 0),
        ):
            done = report("--journal", only_v2, "--fail-on", "retiring", *filters)
            assert done.returncode == code, filters

    def test_accepted_callers_are_left_out(self, only_v2: Path, tmp_path: Path) -> None:
        until = datetime.now(UTC).date() + timedelta(days=1)
        (tmp_path / "ignore.toml").write_text(
            f'[[ignore]]\ncaller = "*"\nreason = "known"\nuntil = {until}\n'
        )
        arguments = ("--journal", only_v2, "--ignore", tmp_path / "ignore.toml")
        assert report(*arguments, "--fail-on", "retiring").returncode == 0
        made = told(*arguments)
        assert (made["retiring"], made["ignored"]) == ([], [])


def test_a_caller_of_v2_alone_is_no_caller_of_v1(tmp_path: Path) -> None:
    path = write_journal(tmp_path / "journal", *V2, seen=Seen(flows=9))
    done = report("--journal", path)
    assert done.stdout.startswith("No legacy call in 9 flows. Apart from v1: 4 calls by 2 callers")
    shown = report("--journal", path, "--caller", "shields")
    assert shown.returncode == 0
    assert "What Docker retires next" in shown.stdout
    assert "Harbor" not in shown.stdout


def test_a_summary_counts_them_apart_though_it_names_but_few_callers(tmp_path: Path) -> None:
    from hubv1.journal import Location, read
    from hubv1.report import build_report

    many = [v2(LOGIN, f"c{at}", started_at=NOW) for at in range(20)]
    path = write_journal(tmp_path / "journal", *V1, *many, *V2)
    with read(Location(str(path)), named=2) as history:
        made = build_report([history], NOW)
    assert (made.caller_count, made.seen.legacy, made.repository_count) == (2, 2, 1)
    assert {use.caller for use in made.callers} == {"curl/8.1 at 10.0.0.7", "c1"}
    assert sum(use.calls for use in made.retiring) == 24
    assert "2 legacy calls by 2 callers" in next(summary(made))


def test_a_call_that_could_not_be_written_down_leaves_no_gap(tmp_path: Path) -> None:
    odd = replace(v2(LOGIN))
    object.__setattr__(odd, "upstream_calls", "many")
    path = write_journal(tmp_path / "journal", odd, *V1, seen=Seen(flows=9))
    assert told("--journal", path)["seen"]["gaps"] == []


def test_the_views_of_a_journal_are_of_v1(tmp_path: Path) -> None:
    path = write_journal(tmp_path / "journal", *V1, *V2)
    with closing(sqlite3.connect(path)) as connection:
        for view in ("calls_by_caller", "calls_by_day", "findings"):
            [(calls,)] = connection.execute(f"SELECT sum(calls) FROM {view}")  # noqa: S608  # ours
            assert calls == len(V1)


class TestRecordings:
    def flow(
        self, path: str, status: int = 200, body: bytes = b"{}", host: str = "hub.docker.com"
    ) -> http.HTTPFlow:
        flow = recorded(path, host)
        flow.response = http.Response.make(status, body, {"Content-Type": "application/json"})
        return flow

    @pytest.mark.parametrize("write", [written, saved])
    def test_they_give_the_same(self, tmp_path: Path, write: Any) -> None:
        path = write(
            tmp_path / "recording",
            recorded(),
            self.flow("/v2/repositories/acme/"),
            self.flow("/v2/repositories/acme/app"),
            self.flow("/v2/repositories/acme/app/tags?page=11", 403, REFUSED),
            self.flow("/v2/repositories/acme/app/tags?page=1"),
            self.flow("/v2/repositories/acme/app/tags?page=11", 403, b"<h1>no</h1>"),
            self.flow("/v2/repositories/acme/app", host="index.docker.io"),
            self.flow("/v2/repositories/acme/app", host="mirror.example"),
            self.flow("/v2/acme/app/manifests/1"),
        )
        made = told(path)
        assert (made["seen"]["flows"], made["totals"]["calls"]) == (9, 1)
        assert made["seen"]["elsewhere"] == {}
        found = {use["route"]: use["calls"] for use in made["retiring"]}
        assert found == {"GET /v2/repositories/{namespace}": 1, REPOSITORY: 1, PAGE: 1}
        assert report(path, "--fail-on", "retiring").returncode == 4


def test_a_gap_still_says_that_calls_may_be_missing(tmp_path: Path) -> None:
    path = write_journal(tmp_path / "journal", *V2, gaps=(Gap(NOW, NOW, 3, "disk full"),))
    assert report("--journal", path, "--fail-on", "unbridged").returncode == 4


def test_junit_has_a_test_for_each_caller_which_only_the_gate_for_it_fails(tmp_path: Path) -> None:
    path = write_journal(tmp_path / "journal", *V2, seen=Seen(flows=9))
    for gate, code, kind in (("any", 0, "skipped"), ("retiring", 4, "failure")):
        done = report("--journal", path, "--format", "junit", "--fail-on", gate)
        assert done.returncode == code
        cases = ET.fromstring(done.stdout).findall("testcase")  # noqa: S314  # our own
        found = {case.get("name"): [each.tag for each in case] for case in cases}
        assert found == {"shields": [kind], "Harbor": [kind], "nobody calls": []}
