"""What a report says of a history: nothing counted twice, nothing mistaken for clean."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hubv1.api.routes import Outcome, Verdict
from hubv1.journal import Gap, Location, Seen, read
from hubv1.report.build import build_report
from hubv1.report.model import State, Window
from report.made import NOW, history, report_of, write_journal
from samples import make_entry

TAGS = "GET /v1/repositories/{name}/tags"
HOUR = datetime(2026, 3, 1, 13, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
GAP = Gap(HOUR, HOUR + timedelta(minutes=1), 3, "disk full")


class TestSeen:
    def test_search_is_counted_and_no_finding(self) -> None:
        report = report_of(seen=Seen(flows=9, still_served=4))
        assert (report.seen.still_served, report.seen.legacy) == (4, 0)
        assert (report.findings, report.callers, report.routes) == ((), (), ())
        assert report.state is State.CLEAN

    def test_hosts_are_those_that_were_asked_for_each_once(self) -> None:
        hosts = ("registry.hub.docker.com", "index.docker.io", "index.docker.io")
        report = report_of(*(make_entry(server_address=host) for host in hosts))
        assert report.seen.hosts == ("index.docker.io", "registry.hub.docker.com")

    def test_gaps_are_told(self) -> None:
        assert report_of(seen=Seen(flows=1), gaps=(GAP,)).seen.gaps == (GAP,)

    def test_the_window_is_from_the_first_call_to_the_last_in_whatever_order(self) -> None:
        times = [HOUR + timedelta(days=days) for days in (3, -2, 5, 0)]
        report = report_of(*(make_entry(started_at=time) for time in times))
        assert report.window == Window(HOUR - timedelta(days=2), HOUR + timedelta(days=5))

    def test_without_a_call_there_is_no_window(self) -> None:
        assert report_of(seen=Seen(flows=1)).window == Window(None, None)


class TestCounts:
    def test_totals_name_every_outcome(self) -> None:
        report = report_of(make_entry(outcome=Outcome.GONE), make_entry(outcome=Outcome.GONE))
        assert report.totals == dict.fromkeys(Outcome, 0) | {Outcome.GONE: 2}
        assert list(report_of().totals) == list(Outcome)

    def test_days_are_those_of_utc(self) -> None:
        midnight = datetime(2026, 3, 1, tzinfo=UTC)
        report = report_of(
            make_entry(started_at=midnight, outcome=Outcome.FAILED),
            make_entry(started_at=midnight - MICROSECOND),
            make_entry(started_at=midnight + timedelta(days=1) - MICROSECOND),
        )
        assert [(day.day, day.calls) for day in report.days] == [
            (date(2026, 2, 28), 1),
            (date(2026, 3, 1), 2),
        ]
        assert report.days[1].outcomes == dict.fromkeys(Outcome, 0) | {
            Outcome.FAILED: 1,
            Outcome.TRANSLATED: 1,
        }

    def test_routes_come_busiest_first_with_the_last_call_of_each(self) -> None:
        tag = f"{TAGS}/{{tag_name}}"
        report = report_of(
            make_entry(route=tag, verdict=Verdict.LOSSY),
            make_entry(started_at=HOUR),
            make_entry(started_at=HOUR - MICROSECOND),
        )
        tags, one = report.routes
        assert (tags.route, tags.calls, tags.last_seen) == (TAGS, 2, HOUR)
        assert (one.route, one.calls, one.verdict) == (tag, 1, Verdict.LOSSY)
        assert one.successor == "/v2/namespaces/{namespace}/repositories/{repository}/tags/{tag}"
        assert "200 or 404" in one.sentence

    def test_a_route_of_another_version_is_shown_by_its_name(self) -> None:
        report = report_of(make_entry(route="BREW /v1/tea", verdict=Verdict.DEAD, repository=""))
        [route], [finding] = report.routes, report.findings
        assert (route.route, route.verdict, route.successor) == ("BREW /v1/tea", Verdict.DEAD, "")
        assert (finding.route, finding.migration.successor) == ("BREW /v1/tea", "")
        assert finding.migration.change == "This version does not know the route."

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["a", "b"]),
                st.sampled_from(["debian", "tool", ""]),
                st.sampled_from([TAGS, "* /v1/_ping"]),
                st.sampled_from(list(Outcome)),
                st.integers(-100, 100),
            ),
            min_size=1,
        ),
        st.integers(0, 10),
    )
    def test_all_tables_add_up_to_the_same_however_the_calls_are_spread(
        self, calls: list[tuple[str, str, str, Outcome, int]], cut: int
    ) -> None:
        entries = [
            make_entry(
                caller=caller,
                repository=repository,
                route=route,
                outcome=outcome,
                started_at=HOUR + timedelta(hours=hours),
            )
            for caller, repository, route, outcome, hours in calls
        ]
        report = build_report([history(*entries[cut:]), history(*entries[:cut])], NOW)
        assert report.seen.legacy == sum(report.totals.values()) == len(entries)
        for table in (report.routes, report.callers, report.findings, report.days):
            assert sum(row.calls for row in table) == len(entries)
        kinds = {(call[0], call[2], f"library/{call[1]}" if call[1] else "") for call in calls}
        assert {(one.caller, one.route, one.repository) for one in report.findings} == kinds
        assert len(report.findings) == len(kinds)


class TestSeveralJournals:
    def test_they_are_told_as_one(self, tmp_path: Path) -> None:
        first = write_journal(
            tmp_path / "first",
            make_entry(started_at=HOUR, client_address="10.0.0.8"),
            make_entry(caller="b"),
            seen=Seen(flows=10, still_served=1, rejected_tls=1),
            gaps=(GAP,),
        )
        second = write_journal(
            tmp_path / "second",
            make_entry(started_at=HOUR - timedelta(days=1)),
            seen=Seen(flows=5, still_served=2, rejected_tls=3),
            gaps=(GAP,),
        )
        with ExitStack() as stack:
            locations = (Location(str(path)) for path in (first, second))
            report = build_report(
                [stack.enter_context(read(location)) for location in locations], NOW
            )
        seen = report.seen
        assert (seen.flows, seen.legacy, seen.still_served, seen.rejected_tls) == (15, 3, 3, 4)
        assert seen.gaps == (GAP, GAP)
        assert [(use.caller, use.calls) for use in report.callers] == [
            ("curl/8.1 at 10.0.0.7", 2),
            ("b", 1),
        ]
        assert report.callers[0].first_seen == HOUR - timedelta(days=1)
        assert (report.callers[0].last_seen, report.callers[0].address) == (HOUR, "10.0.0.8")

    def test_a_call_from_another_time_zone_belongs_to_its_day_in_utc(self, tmp_path: Path) -> None:
        there = datetime(2026, 3, 1, 1, tzinfo=timezone(timedelta(hours=2)))
        path = write_journal(tmp_path / "journal", make_entry(started_at=there))
        with read(Location(str(path))) as told:
            assert [day.day for day in build_report([told], NOW).days] == [date(2026, 2, 28)]


def test_gaps_of_several_journals_are_in_the_order_in_which_they_began() -> None:
    later = replace(GAP, started_at=GAP.started_at + timedelta(seconds=1))
    both = [history(gaps=(later,)), history(gaps=(GAP,))]
    assert build_report(both, NOW).seen.gaps == (GAP, later)
