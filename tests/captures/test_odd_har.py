"""HAR as programs really write it: what is broken in an entry costs no other, and no legacy call
whose method, URL and time can be read."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captures.hars import AGENT, CHROME, URL
from hubv1.api.routes import LEGACY_HOSTS
from hubv1.captures import Capture, CaptureError, read_capture
from hubv1.journal import CallRecord, History, Seen
from report.recordings import STARTED, complaint, read, recorded, saved

LONE = ["\ud83d", "\ude00", "\ude00\ud83d", "\udce9", "a\ud83d\0"]
ELSEWHERE = "https://api.example.com/v1/search?q=x"

ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(), max_size=9)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(st.characters()), inner, max_size=3)
    ),
    max_leaves=6,
)


def har(*entries: Any) -> str:
    return json.dumps({"log": {"version": "1.2", "entries": entries}})


def with_value(at: str, value: Any, form: dict[str, Any] = CHROME) -> dict[str, Any]:
    """The form with another value at a path such as `request.headers.0.name`."""
    changed = copy.deepcopy(form)
    *way, last = at.split(".")
    inner: Any = changed
    for step in way:
        inner = inner[int(step) if isinstance(inner, list) else step]
    inner[int(last) if isinstance(inner, list) else last] = value
    return changed


def history_of(path: Path, content: str | bytes) -> tuple[History, list[CallRecord]]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    history = read_capture(Capture(path, LEGACY_HOSTS))
    return history, list(history.entries)


def assert_calls(path: Path, content: str | bytes, calls: int, flows: int | None = None) -> None:
    """All of these calls are read, and nothing is lost."""
    history, entries = history_of(path, content)
    assert [entry.full_repository for entry in entries] == ["library/debian"] * calls
    assert {entry.started_at for entry in entries} == {STARTED}
    assert history.gaps == []
    assert history.seen == Seen(flows=calls if flows is None else flows)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recording.har"


class TestALoneSurrogate:
    @pytest.mark.parametrize("lone", LONE, ids=ascii)
    @pytest.mark.parametrize(
        "at",
        [
            "comment",
            "_\ud83d",
            "pageref",
            "request.comment",
            "request.headers.0.name",
            "request.headers.0.value",
            "request.postData",
            "response.content.text",
            "response.statusText",
            "serverIPAddress",
        ],
        ids=ascii,
    )
    def test_in_any_text_of_an_entry_costs_nothing(self, path: Path, at: str, lone: str) -> None:
        odd = with_value(at, lone)
        assert_calls(path, har(CHROME, odd, with_value(at, lone, odd), CHROME), 4)

    @pytest.mark.parametrize("lone", LONE, ids=ascii)
    def test_in_a_query_or_fragment_is_no_part_of_the_call(self, path: Path, lone: str) -> None:
        query = with_value("request.url", f"{URL}?x={lone}")
        fragment = with_value("request.url", f"{URL}/#/{lone}")
        assert_calls(path, har(query, fragment), 2)

    def test_in_a_name_makes_a_call_of_an_impossible_name(self, path: Path) -> None:
        _, [entry] = history_of(path, har(with_value("request.url", URL + "/\ud83d?q")))
        assert (entry.full_repository, entry.tag) == ("library/debian", "")
        assert entry.url_path == "/v1/repositories/debian/tags/\\ud83d"

    @pytest.mark.parametrize("lone", LONE, ids=ascii)
    def test_in_the_url_of_another_host_is_ignored(self, path: Path, lone: str) -> None:
        urls = [f"https://api.example.com/v1/repositories/{lone}/tags", f"https://{lone}.com/v1/x"]
        odd = [with_value("request.url", url) for url in urls]
        assert_calls(path, har(CHROME, *odd), 1, flows=3)

    def test_is_what_mitmproxy_makes_of_bytes_that_are_no_text(self, path: Path) -> None:
        in_header = recorded("/v1/repositories/debian/tags", "index.docker.io", (b"X", b"caf\xe9"))
        in_query, in_tag = recorded(), recorded()
        in_query.request.data.path += b"?q=caf\xe9"
        in_tag.request.data.path += b"/caf\xe9"
        entries, _ = read(saved(path, in_header, in_query, in_tag))
        assert [entry.full_repository for entry in entries] == ["library/debian"] * 3
        assert entries[2].url_path == "/v1/repositories/debian/tags/caf\\xe9"

    def test_keeps_a_user_agent_as_a_flow_file_does(self, path: Path) -> None:
        flow = recorded()
        flow.request.headers.fields = ((b"User-Agent", b"caf\xe9/1.0"),)
        [entry], _ = read(saved(path, flow))
        assert entry.user_agent_original == "caf\\udce9/1.0"


BROKEN = [
    '"time": NaN',
    '"time": -Infinity',
    '"time": 1e99999',
    '"time": ' + "9" * 5_000,
    '"time": undefined',
    '"time": ',
    '"time": 1,',
    "time: 1",
    "'time': 'soon'",
    '"comment": "a\nb\tc"',
    '"comment": "\\x41 \\u00zz \\ud83d"',
    '"comment": "\xe9"',
    '"\\x41": {"b": [1, {}, ], "c"}',
    '"deep": ' + "[" * 50_000 + "]" * 50_000,
    f'"request": {{"method": "GET", "url": "{URL}", "bodySize": }}',
    '"response": {"status": 200,, "content": {"text": "{[}"}}',
]


class TestBrokenJson:
    @pytest.mark.parametrize("member", BROKEN, ids=lambda member: ascii(member[:40]))
    @pytest.mark.parametrize("is_last", [True, False])
    def test_within_an_entry_costs_neither_it_nor_another(
        self, path: Path, member: str, *, is_last: bool
    ) -> None:
        entry = json.dumps(CHROME)
        odd = f"{entry[:-1]}, {member}}}" if is_last else f"{{{member}, {entry[1:]}"
        assert_calls(path, f'{{"log": {{"entries": [{entry}, {odd}, {entry}]}}}}', 3)

    @pytest.mark.parametrize("between", ["", "\n", " 0 ", "// the next one\n", "null"])
    def test_of_a_comma_left_out_between_entries_costs_neither(
        self, path: Path, between: str
    ) -> None:
        entry = json.dumps(CHROME)
        _, entries = history_of(path, har(CHROME).replace(entry, entry + between + entry))
        assert len(entries) == 2

    def test_of_bytes_that_are_no_utf_8_costs_nothing(self, path: Path) -> None:
        content = har(CHROME, with_value("comment", "@"), CHROME).encode().replace(b"@", b"\xe9")
        assert_calls(path, content, 3)

    def test_is_told_as_such_where_the_call_itself_cannot_be_read(self, path: Path) -> None:
        entry = json.dumps(CHROME)
        broken = entry.replace('"method": "GET"', '"method": GET').replace("{", '{"x": ,', 1)
        history, entries = history_of(path, f'{{"log": {{"entries": [{broken}, {entry}, 7, ]}}}}')
        assert len(entries) == 1
        assert [gap.calls for gap in history.gaps] == [2]
        assert "entry 1: it may be a v1 call, and its method cannot be" in history.gaps[0].reason

    @pytest.mark.parametrize(
        "content",
        [
            '{"log": {"entries": [%s, {"request": "unclosed}]}}',
            '{"log": {"entries": [%s, {"request": {]}}}',
            '{"log": {"entries": [%s, ]}',
            '{"log": {"entries": [%s, "\\ud83d"]}} and more',
            '{"log": {"entries": [%s, "\\ud83d"]}}}',
            '{"log": {"entries": [%s, "\\ud83d"',
            '{"log": {"other": [%s, "\\ud83d"]}}',
            '{"other": {"entries": [%s, "\\ud83d"]}}',
        ],
    )
    def test_outside_entries_or_without_an_end_is_refused(self, path: Path, content: str) -> None:
        path.write_text(content % json.dumps(CHROME))
        assert "it is not a HAR, or not a whole one: " in complaint(path)

    def test_of_a_har_behind_another_is_refused(self, path: Path) -> None:
        path.write_text(
            "\n".join(json.dumps({"log": {"entries": [each]}}) for each in (CHROME, CHROME))
        )
        assert "it is not a HAR, or not a whole one: " in complaint(path)

    @pytest.mark.parametrize("more", ["", "\ud83d"])
    def test_a_har_cut_anywhere_is_not_taken_for_whole(self, path: Path, more: str) -> None:
        content = har({"request": {"method": "GET", "url": URL}, "c": more, "startedDateTime": 1})
        for length in range(1, len(content)):
            path.write_text(content[:length])
            complaint(path)

    def test_leaves_the_id_of_the_other_calls_as_it_was(self, path: Path) -> None:
        sound = {"log": {"entries": [CHROME, CHROME]}}
        odd = {"log": {"entries": [CHROME, with_value("comment", "\ud83d"), CHROME]}}
        for indent in (None, 2):
            _, without = history_of(path, json.dumps(sound, indent=indent))
            _, beside = history_of(path, json.dumps(odd, indent=indent))
            assert [beside[0].id, beside[2].id] == [entry.id for entry in without]


class TestAnEntryForAnotherHost:
    @pytest.mark.parametrize(
        "url",
        [
            "https://api.example.com/v1/search?q=münchen",
            "https://api.example.com/v1/münchen",
            "https://münchen.example/v1/repositories/a/tags?q=ü",
            "https://a..b.example/v1/repositories/a/tags",
            "https://xn--0.example/v1/x",
            f"https://{'a' * 300}.example/v1/x",
            "https://api.example.com:99999/v1/x",
            "https://api.example.com:/v1/x",
            "https://a_b.example/v1/x",
            "https://us er:p@ss@api.example.com/v1/x",
            "https://api.example.com/v1/\n\0\x1b",
            "http://10.0.0.7/v1/x",
            "https://\x1b[31m\u202e.example/v1/repositories/a/tags",
            "https://[::1/v1/repositories/a/tags",
            "https:///v1/repositories/a/tags",
            "https://user:@/v1/repositories/a/tags",
            "http://[2001:db8::7]:8080/v1/x",
            "wss://api.example.com/v1/x",
            "HTTPS://API.EXAMPLE.COM/v1/x?ä",
        ],
        ids=ascii,
    )
    @pytest.mark.parametrize(
        "change",
        [
            {},
            {"startedDateTime": "yesterday"},
            {"startedDateTime": None, "time": float("nan"), "response": [None]},
            {"request": {"method": None, "headers": 7}},
            {"request": {"method": "\ud83d", "headers": [{"name": "Host", "value": 1}]}},
        ],
        ids=ascii,
    )
    def test_is_ignored_however_broken(self, path: Path, url: str, change: dict[str, Any]) -> None:
        odd = CHROME | change
        odd["request"] = change.get("request", CHROME["request"]) | {"url": url}
        assert_calls(path, har(odd, CHROME), 1, flows=2)

    def test_with_a_path_of_v1_is_counted_for_its_host(self, path: Path) -> None:
        urls = [
            "https://m.example//v1/repositories/a/tags?ü",
            "http://M.example/v1//repositories/a",
        ]
        odd = [with_value("request.url", url) for url in urls]
        history, _ = history_of(path, har(*odd, with_value("request.url", ELSEWHERE)))
        assert history.elsewhere == {"m.example": 2}


class TestALegacyCall:
    @pytest.mark.parametrize(
        "url",
        [
            "/v1/repositories/debian/tags",
            URL.replace("index", "[index"),
            URL.replace("docker.io", "docker.io]"),
        ],
    )
    def test_that_names_no_host_that_can_be_read_is_a_gap(self, path: Path, url: str) -> None:
        history, entries = history_of(path, har(CHROME, with_value("request.url", url)))
        assert (len(entries), [gap.calls for gap in history.gaps]) == (1, [1])

    @pytest.mark.parametrize(
        "url",
        [
            URL + "?q=münchen",
            URL + "?" + "x" * 100_000,
            URL + "/?a=b#tags/12",
            f"  {URL}\r\n",
            URL.upper().replace("/V1/REPOSITORIES/DEBIAN/TAGS", "/v1/repositories/debian/tags"),
            URL.replace("docker.io", "docker.io:443"),
            URL.replace("docker.io", "docker.io:99999"),
            URL.replace("docker.io", "docker.io:port"),
            URL.replace("docker.io", "docker.io."),
            URL.replace("//", "//user:p%40ss@"),
            URL.replace("//", "//us er:ge@heim@"),
            URL.replace("/v1/repositories/", "//v1//repositories//"),
            URL.replace("https", "http"),
            URL.replace("https", "wss"),
        ],
        ids=lambda url: ascii(url[:60]),
    )
    def test_is_read_whatever_else_its_url_has(self, path: Path, url: str) -> None:
        assert_calls(path, har(with_value("request.url", url)), 1)

    @pytest.mark.parametrize(
        "started",
        [
            "2026-03-01T12:30:15.123Z",
            " 2026-03-01T12:30:15.123+00:00\n",
            "2026-03-01T12:30:15.1230000Z",
            "2026-03-01 13:30:15.123+01:00",
            "20260301T123015.123Z",
        ],
    )
    def test_is_read_whatever_the_form_of_its_time(self, path: Path, started: str) -> None:
        assert_calls(path, har(CHROME | {"startedDateTime": started}), 1)

    def test_of_a_name_outside_ascii_is_a_call_of_an_impossible_name(self, path: Path) -> None:
        _, [entry] = history_of(path, har(with_value("request.url", URL.replace("debian", "ä"))))
        assert (entry.repository, entry.url_path) == ("", "/v1/repositories/ä/tags")

    @pytest.mark.parametrize("took", [float("inf"), float("nan"), 1e300, -1, 10**30, True, "1"])
    def test_took_no_time_that_cannot_be(self, path: Path, took: Any) -> None:
        _, [entry] = history_of(path, har(CHROME | {"time": took}))
        assert 0 <= entry.duration_ms <= 1

    @given(
        st.dictionaries(st.sampled_from([*CHROME, "comment"]), ANYTHING),
        st.dictionaries(st.sampled_from(["headers", "cookies"]), ANYTHING),
    )
    def test_is_read_whatever_stands_beside_method_url_and_time(
        self, tmp_path_factory: pytest.TempPathFactory, beside: Any, of_request: Any
    ) -> None:
        kept = {"startedDateTime": CHROME["startedDateTime"], "request": CHROME["request"]}
        odd = CHROME | beside | kept | {"request": CHROME["request"] | of_request}
        path = tmp_path_factory.getbasetemp() / "odd.har"
        assert_calls(path, har(odd, CHROME), 2)


class TestEncodings:
    @pytest.mark.parametrize(
        "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
    )
    @pytest.mark.parametrize(("before", "after"), [("", ""), ("\r\n \t", "\r\n\n"), ("", "\0\x1a")])
    @pytest.mark.parametrize("indent", [None, 2])
    def test_of_any_kind_are_read(
        self, path: Path, encoding: str, before: str, after: str, indent: int | None
    ) -> None:
        text = json.dumps({"log": {"entries": [CHROME | {"comment": "Łódź"}]}}, indent=indent)
        text = before + text.replace("\n", "\r\n") + after
        assert_calls(path, text.encode(encoding), 1)

    def test_tell_the_same_call_by_the_same_id(self, path: Path) -> None:
        ids = {history_of(path, har(CHROME).encode(each))[1][0].id for each in ("utf-8", "utf-16")}
        assert len(ids) == 1

    def test_may_have_lone_surrogates_too(self, path: Path) -> None:
        text = har(CHROME, CHROME | {"comment": "@"}).replace("@", "\ud83d")
        assert_calls(path, text.encode("utf-16", "surrogatepass"), 2)

    def test_that_cannot_be_read_are_named(self, path: Path) -> None:
        path.write_bytes(har(CHROME).encode("utf-16")[:-1])
        assert "it seems to be UTF-16-LE, but byte " in complaint(path)

    @pytest.mark.parametrize(
        ("start", "name"),
        [
            (b"PK\x03\x04", "zip"),
            (b"BZh91AY", "bzip2"),
            (b"\xfd7zXZ\0", "xz"),
            (b"(\xb5/\xfd", "zstd"),
        ],
    )
    def test_of_packed_files_are_named(self, path: Path, start: bytes, name: str) -> None:
        path.write_bytes(start + b"junk")
        assert f"it is compressed with {name}: decompress it first" in complaint(path)


@given(st.binary(max_size=40), st.integers(0, 2_000))
def test_damage_anywhere_in_a_har_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, damage: bytes, place: int
) -> None:
    content = bytearray(har(CHROME, CHROME).encode())
    content[place : place + len(damage)] = damage
    path = tmp_path_factory.getbasetemp() / "damaged.har"
    path.write_bytes(content)
    try:
        entries, _ = read(path)
    except CaptureError as error:
        assert str(error).isprintable()  # noqa: PT017  # either will do
        return
    assert len(entries) <= 2


def test_the_callers_of_odd_entries_are_those_of_the_others(path: Path) -> None:
    _, entries = history_of(path, har(CHROME, with_value("comment", "\ud83d")))
    assert {entry.user_agent_original for entry in entries} == {AGENT}
