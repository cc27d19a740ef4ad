"""The end of v1, tried: what each mode makes of a call, and for whom."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import exceptions, http

from hubv1.api.routes import Outcome
from hubv1.calls import Brownout, Mode, decide, read_brownout
from onstage import Stage, answer, answered, entries, make_flow, on_stage, played, state_of
from samples import recognised
from standin import Standin

TAGS = "/v1/repositories/debian/tags"
V2 = "/v2/namespaces/library/repositories/debian/tags"


def header(flow: http.HTTPFlow, name: str) -> str:
    return str(answered(flow).headers.get(name, ""))


@pytest.mark.parametrize(
    ("path", "replacement"),
    [
        (f"{TAGS}?page=2", V2),
        (f"{TAGS}/12", f"{V2}/12"),
        ("/v1/repositories/debian/images", V2),
    ],
)
def test_redirect_leads_to_the_documented_v2_url(
    tmp_path: Path, hub: Standin, path: str, replacement: str
) -> None:
    flow = played(tmp_path, hub, make_flow(path), hub_mode="redirect")
    assert answered(flow).status_code == 308
    assert header(flow, "Location") == hub.url + replacement
    assert header(flow, "Cache-Control") == "no-store"
    [row] = entries(tmp_path / "journal.sqlite3")
    assert (row.outcome, row.http_response_status_code) == (Outcome.REDIRECTED, 308)
    assert not hub.calls


@pytest.mark.parametrize("path", ["/v1/repositories/NO/tags", "/v1/repositories/a/b/c/d"])
def test_what_cannot_exist_is_not_redirected(tmp_path: Path, hub: Standin, path: str) -> None:
    flow = played(tmp_path, hub, make_flow(path), hub_mode="redirect")
    assert answered(flow).status_code == 404


@pytest.mark.parametrize("path", [TAGS, f"{TAGS}/12", "/v1/repositories/NO/tags"])
def test_gone_is_a_problem_that_nobody_keeps(tmp_path: Path, hub: Standin, path: str) -> None:
    flow = played(tmp_path, hub, make_flow(path), hub_mode="gone")
    assert answered(flow).status_code == 410
    assert answered(flow).json()["error"] == "gone"
    assert header(flow, "Content-Type") == "application/problem+json"
    assert header(flow, "Cache-Control") == "no-store"
    [row] = entries(tmp_path / "journal.sqlite3")
    assert (row.outcome, row.http_response_status_code) == (Outcome.GONE, 410)
    assert not hub.calls


def test_gone_names_what_to_call_instead(tmp_path: Path, hub: Standin) -> None:
    flow = played(tmp_path, hub, make_flow(TAGS), hub_mode="gone")
    assert hub.url + V2 in answered(flow).json()["detail"]
    assert f'<{hub.url}{V2}>; rel="successor-version"' in header(flow, "Link")


def test_observe_touches_nothing(tmp_path: Path, hub: Standin) -> None:
    flow = make_flow(TAGS)
    before = state_of(flow.request)
    played(tmp_path, hub, flow, answer(410, b"upstream"), hub_mode="observe")
    assert state_of(flow.request) == before
    assert state_of(answered(flow))["content"] == b"upstream"
    [row] = entries(tmp_path / "journal.sqlite3")
    assert (row.outcome, row.http_response_status_code) == (Outcome.OBSERVED, 410)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("path", ["/v1/_ping", "/v1/users/", "/v1/images/abc/json"])
def test_other_v1_calls_are_passed_on_in_every_mode(mode: Mode, path: str) -> None:
    assert decide(recognised(path), mode, live=True, is_dark=True) is Outcome.PASSED


@pytest.mark.parametrize("mode", list(Mode))
def test_what_was_recorded_is_only_observed(mode: Mode) -> None:
    assert decide(recognised(TAGS), mode, live=False, is_dark=True) is Outcome.OBSERVED


@pytest.mark.parametrize(
    ("is_dark", "outcome"), [(True, Outcome.GONE), (False, Outcome.TRANSLATED)]
)
def test_a_brownout_is_gone_now_and_then(*, is_dark: bool, outcome: Outcome) -> None:
    assert decide(recognised(TAGS), Mode.BROWNOUT, live=True, is_dark=is_dark) is outcome


@pytest.mark.parametrize(
    ("text", "gone", "period"),
    [("5m/1h", 300, 3600), ("30s/90s", 30, 90), ("1h/1d", 3600, 86400), (" 1s/1h ", 1, 3600)],
)
def test_windows_are_a_length_and_a_period(text: str, gone: int, period: int) -> None:
    assert read_brownout(text) == Brownout(gone, period)


@pytest.mark.parametrize("text", ["", "5m", "5/1h", "2h/1h", "0m/1h", "5m/1w", "-5m/1h", "5m/1h/"])
def test_other_windows_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is "):
        read_brownout(text)


def test_a_window_begins_on_the_hour() -> None:
    window = read_brownout("5m/1h")
    on_the_hour = 1_790_000_000 // 3600 * 3600
    assert [window.is_on(on_the_hour + second) for second in (-1, 0, 299.9, 300)] == [
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("rules", "headers", "status"),
    [
        (["gone ~src 127.0.0.1"], {}, 410),
        (["gone ~src 10.0.0.7"], {}, 200),
        (['gone ~hq "User-Agent: curl"'], {}, 410),
        (['gone ~hq "User-Agent: curl"'], {"User-Agent": "wget/1"}, 200),
        (["redirect ~u debian"], {}, 308),
        (["redirect ~u debian", "gone ~all"], {}, 308),
        (["redirect ~u alpine", "gone ~all"], {}, 410),
        (["translate ~u debian", "gone ~all"], {}, 200),
        (["gone ! ~u debian"], {}, 200),
    ],
)
def test_the_first_rule_that_matches_decides(
    tmp_path: Path, hub: Standin, rules: list[str], headers: Mapping[str, str], status: int
) -> None:
    flow = played(tmp_path, hub, make_flow(TAGS, headers=headers), hub_rule=rules)
    assert answered(flow).status_code == status


def test_a_change_holds_from_the_next_call_on(tmp_path: Path, hub: Standin) -> None:
    async def playing() -> list[int]:
        async with on_stage(tmp_path, hub.url) as stage:
            return [await status_with(stage, **values) for values in CHANGES]

    assert asyncio.run(playing()) == [200, 410, 308, 410, 200]


CHANGES: list[dict[str, Any]] = [
    {},
    {"hub_mode": "gone"},
    {"hub_rule": ["redirect ~u debian"]},
    {"hub_rule": [], "hub_mode": "brownout", "hub_brownout": "1h/1h"},
    {"hub_mode": "translate"},
]


async def status_with(stage: Stage, **values: Any) -> int:
    stage.configure(**values)
    return answered(await stage.play(make_flow(TAGS))).status_code


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"hub_mode": "translated"}, "hub_mode takes one of translate, observe"),
        ({"hub_rule": ["gone"]}, "hub_rule takes a mode"),
        ({"hub_rule": ["away ~all"]}, "hub_rule takes a mode"),
        ({"hub_rule": ["gone ~nosuch x"]}, "a filter that mitmproxy cannot read"),
        ({"hub_rule": ["gone ~u ("]}, "a filter that mitmproxy cannot read"),
        ({"hub_brownout": "often"}, "hub_brownout takes windows such as 5m/1h"),
    ],
)
def test_a_mode_that_cannot_be_read_is_refused_and_the_old_one_stays(
    tmp_path: Path, hub: Standin, values: dict[str, Any], said: str
) -> None:
    async def playing() -> int:
        async with on_stage(tmp_path, hub.url, hub_mode="gone") as stage:
            with pytest.raises(exceptions.OptionsError, match=said):
                stage.configure(**values)
            return answered(await stage.play(make_flow(TAGS))).status_code

    assert asyncio.run(playing()) == 410
