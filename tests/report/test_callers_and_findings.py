"""Who called, most pressing first, and what each of them has to change."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hubv1.api.routes import ROUTES, Route, Verdict
from hubv1.replacements import change_for, successor_for
from report.made import NOW, report_of
from samples import make_entry, recognised

TAGS = "GET /v1/repositories/{name}/tags"
HOUR = datetime(2026, 3, 1, 13, tzinfo=UTC)
SECOND = timedelta(seconds=1)
V2 = "https://hub.docker.com/v2/namespaces"


class TestCallers:
    def test_the_latest_come_first_and_then_the_busiest(self) -> None:
        report = report_of(
            *(make_entry(caller="early but busy") for _ in range(9)),
            make_entry(caller="late, once", started_at=HOUR),
            make_entry(caller="late, twice", started_at=HOUR),
            make_entry(caller="late, twice", started_at=HOUR - SECOND),
            make_entry(caller="latest", started_at=HOUR + SECOND),
        )
        order = ["latest", "late, twice", "late, once", "early but busy"]
        assert [use.caller for use in report.callers] == order

    @pytest.mark.parametrize(
        ("started_at", "counted"),
        [
            (HOUR, 1),
            (HOUR - timedelta(microseconds=1), 0),
            (HOUR - timedelta(days=1), 0),
            (NOW, 1),
        ],
        ids=str,
    )
    def test_this_hour_begins_exactly_with_the_hour(
        self, started_at: datetime, counted: int
    ) -> None:
        [use] = report_of(make_entry(started_at=started_at)).callers
        assert (use.calls, use.this_hour) == (1, counted)

    @pytest.mark.parametrize("now", [HOUR, HOUR + timedelta(minutes=59, seconds=59)], ids=str)
    def test_this_hour_is_the_same_all_through_the_hour(self, now: datetime) -> None:
        calls = (make_entry(started_at=HOUR - SECOND), make_entry(started_at=HOUR))
        assert report_of(*calls, now=now).callers[0].this_hour == 1
        assert report_of(*calls, now=HOUR + timedelta(hours=1)).callers[0].this_hour == 0

    def test_a_caller_is_told_with_all_it_did_and_as_it_last_was(self) -> None:
        later = {"client_address": "10.0.0.9", "user_agent_original": "curl/8.1 (new)"}
        [use] = report_of(
            make_entry(started_at=HOUR, repository="tool", **later),
            make_entry(started_at=HOUR - SECOND, namespace="acme"),
            make_entry(started_at=HOUR - SECOND, route="* /v1/_ping", repository=""),
            make_entry(started_at=HOUR - SECOND, repository="tool"),
        ).callers
        assert (use.first_seen, use.last_seen) == (HOUR - SECOND, HOUR)
        assert (use.address, use.user_agent) == ("10.0.0.9", "curl/8.1 (new)")
        assert use.routes == ("* /v1/_ping", TAGS)
        assert use.repositories == ("acme/debian", "library/tool")

    @pytest.mark.parametrize(
        ("verdicts", "worst"),
        [
            ((Verdict.BRIDGED, Verdict.LOSSY), Verdict.LOSSY),
            ((Verdict.DEAD, Verdict.LOSSY, Verdict.BRIDGED), Verdict.DEAD),
            ((Verdict.SERVED, Verdict.BRIDGED), Verdict.BRIDGED),
            ((Verdict.BRIDGED,), Verdict.BRIDGED),
        ],
        ids=str,
    )
    def test_its_verdict_is_the_worst_among_its_routes(
        self, verdicts: tuple[Verdict, ...], worst: Verdict
    ) -> None:
        calls = [make_entry(route=f"{verdict}", verdict=verdict) for verdict in verdicts]
        for order in (calls, calls[::-1]):
            assert report_of(*order).callers[0].verdict is worst


class TestFindings:
    def test_there_is_one_for_each_caller_route_and_repository(self) -> None:
        call = make_entry(started_at=HOUR)
        report = report_of(
            call,
            replace(call, started_at=HOUR - SECOND),
            replace(call, caller="another"),
            replace(call, repository="tool"),
            replace(call, namespace="acme"),
            replace(call, route=f"{TAGS}/{{tag_name}}"),
        )
        assert [finding.calls for finding in report.findings] == [2, 1, 1, 1, 1]
        busiest = report.findings[0]
        assert (busiest.caller, busiest.route, busiest.repository, busiest.last_seen) == (
            call.caller,
            TAGS,
            "library/debian",
            HOUR,
        )

    def test_tags_and_ways_to_write_the_path_make_no_further_ones(self) -> None:
        route = f"{TAGS}/{{tag_name}}"
        paths = [("12", "/v1/repositories/debian/tags/12"), ("sid", "/v1/repositories/debian/x/")]
        calls = [make_entry(route=route, tag=tag, url_path=path) for tag, path in paths]
        assert [finding.calls for finding in report_of(*calls).findings] == [2]

    @pytest.mark.parametrize(
        ("path", "successor", "change"),
        [
            ("debian/tags", f"{V2}/library/repositories/debian/tags", "page_size=100"),
            ("acme/tool/tags", f"{V2}/acme/repositories/tool/tags", "page_size=100"),
            ("debian/tags/12", f"{V2}/library/repositories/debian/tags/{{tag}}", "200 and 404"),
            ("debian/images", f"{V2}/library/repositories/debian/tags", "images[].digest"),
            ("debian", f"{V2}/library/repositories/debian/tags", "no documented answer"),
            ("debian/auth", "https://auth.docker.io/token", "Bearer token"),
            ("No-Such/tags", f"{V2}/{{namespace}}/repositories/{{repository}}/tags", "no such"),
            ("No-Such/images", f"{V2}/{{namespace}}/repositories/{{repository}}/tags", "no such"),
            ("a/b/c/d/tags", "", "ever had this form"),
        ],
    )
    def test_each_says_which_call_to_make_instead_and_how(
        self, path: str, successor: str, change: str
    ) -> None:
        call = recognised(f"/v1/repositories/{path}")
        names = (call.repository.namespace, call.repository.name) if call.repository else ("", "")
        entry = make_entry(route=call.route.name, namespace=names[0], repository=names[1])
        [finding] = report_of(entry).findings
        assert finding.migration.successor == successor
        assert change in finding.migration.change

    def test_a_pull_is_told_that_another_call_does_not_help(self) -> None:
        call = recognised("/v1/repositories/debian/images", docker_token=True)
        [finding] = report_of(make_entry(route=call.route.name)).findings
        assert "Upgrade the engine" in finding.migration.change

    @pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
    def test_no_route_leaves_a_caller_without_a_sentence_or_with_half_a_url(
        self, route: Route
    ) -> None:
        assert change_for(route, None).endswith(".")
        assert successor_for(route, None).startswith("https://") or not route.successor
