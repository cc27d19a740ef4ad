"""A message to the people behind a caller."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from hubv1.report.markdown import code_block, code_span
from hubv1.text import bounded, printable
from report.made import NOW, message, report_of
from samples import make_entry

CALLER = "curl/8.1 at 10.0.0.7"
TAG = "GET /v1/repositories/{name}/tags/{tag_name}"
IMAGES = "GET /v1/repositories/{name}/images"
HOSTILE = st.one_of(
    st.text(min_size=1),
    st.text("`*_[]()<>!&#@|\\~ \n\ta", min_size=1),
    st.sampled_from(
        [
            "```\n# title\n```",
            "<script>alert(1)</script>",
            "[here](https://evil.example)",
            "![x](https://evil.example/x.png)",
            "https://evil.example @everyone #1",
            "\x1b[31m\u202e",
            "`` ` ``",
            " ` ",
        ]
    ),
)


def test_it_says_what_is_called_how_often_when_last_and_what_to_call_instead() -> None:
    report = report_of(make_entry(), make_entry(), make_entry(caller="another"))
    assert message(report, CALLER).splitlines() == [
        f"Subject: {CALLER} still calls the retired Docker Hub API v1",
        "",
        (
            f"{CALLER} still calls Docker Hub API v1, which Docker ended in 2022: 2 calls since "
            "2026-03-01, the last on 2026-03-01 at 12:30 UTC."
        ),
        "",
        "2 times, the last 2026-03-01 12:30:",
        "",
        "    https://index.docker.io/v1/repositories/debian/tags",
        "",
        "Take the names from the registry's list: all in one call, signed in or not.",
        "",
        "    skopeo list-tags docker://docker.io/library/debian",
        "",
        (
            "To prove the change, run it once with both calls and compare what they print; then, "
            "at the bridge, this ends with 0 a day later:"
        ),
        "",
        f"    scripts/report --caller '{CALLER}' --since 24h --fail-on any",
        "",
        "Docker's page on the end of v1: https://docs.docker.com/reference/api/hub/deprecated/",
        "Answer this message if something is unclear.",
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"route": TAG}, "curl -fsS -o /dev/null https://hub.docker.com/v2/namespaces/library/"),
        (
            {"credentials": "basic"},
            '    skopeo login --username "$DOCKER_USERNAME" --password-stdin',
        ),
        ({"credentials": "basic"}, "\n\nDOCKER_TOKEN is an access token"),
        (
            {"route": IMAGES},
            '    url="$hub/v2/namespaces/library/repositories/debian/tags?page_size',
        ),
        ({"route": "* /v1/_ping", "repository": "", "namespace": ""}, "Upgrade the client"),
    ],
)
def test_it_has_a_line_where_one_will_do_else_a_whole_script_else_a_sentence(
    changes: dict[str, str], told: str
) -> None:
    assert told in message(report_of(make_entry(**changes)), CALLER)


def test_all_its_calls_are_told_the_busiest_first_each_with_its_replacement() -> None:
    calls = (make_entry(repository="a"), make_entry(repository="b"), make_entry(repository="b"))
    text = message(report_of(*calls, make_entry(route=TAG)), CALLER)
    first, *others = re.findall(r"/v1/repositories/(\S+)", text)
    assert first == "b/tags"
    assert sorted(others) == ["a/tags", "debian/tags/TAG"]
    assert text.count("skopeo list-tags docker://docker.io/library/") == 2
    assert "curl -fsS -o /dev/null https://hub.docker.com/v2/namespaces/library/" in text


def test_a_quiet_caller_is_asked_whether_it_has_moved() -> None:
    later = NOW + timedelta(days=8)
    text = message(report_of(make_entry(), now=later), CALLER)
    assert text.startswith(f"Subject: {CALLER} has stopped calling Docker Hub API v1?\n")
    assert f"{CALLER} has not called Docker Hub API v1" in text
    assert "since 2026-03-01 at 12:30 UTC" in text
    assert "still calls" not in text


def test_as_markdown_names_and_calls_are_code() -> None:
    text = message(report_of(make_entry()), CALLER, markdown=True)
    assert f"\n\n`{CALLER}` still calls" in text
    assert "\n```text\nhttps://index.docker.io/v1/repositories/debian/tags\n```\n" in text


@given(HOSTILE, HOSTILE)
def test_what_a_caller_calls_itself_is_no_markup(name: str, host: str) -> None:
    report = report_of(make_entry(caller=name, server_address=host))
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(message(report, name, markdown=True))
    kinds = [token.type for token in tokens]
    assert kinds.count("fence") == 3
    assert {kind for kind in kinds if not kind.startswith("paragraph")} == {"inline", "fence"}
    inline = [child for token in tokens for child in token.children or []]
    assert {child.type for child in inline} <= {"text", "code_inline", "softbreak"}
    subject, shown = (child.content for child in inline if child.type == "code_inline")
    assert shown == printable(bounded(name))
    assert subject == f"{shown} still calls the retired Docker Hub API v1"


@given(HOSTILE, HOSTILE)
def test_in_plain_text_it_begins_no_line_of_its_own(name: str, host: str) -> None:
    lines = message(report_of(make_entry(caller=name, server_address=host)), name).split("\n")
    assert len(lines) == len(message(report_of(make_entry()), CALLER).split("\n"))
    assert [line for line in lines if not line.isprintable()] == []


@given(HOSTILE)
def test_code_is_shown_as_it_is(text: str) -> None:
    [_, inline, _] = MarkdownIt().parse(f"x {code_span(text)} y")
    [_, code, _] = inline.children or []
    assert (code.type, code.content) == ("code_inline", printable(text))
    [fence] = MarkdownIt().parse(code_block([text]))
    assert re.fullmatch(r"(?s)(.*)\n", fence.content)
    assert fence.content == printable(text) + "\n"
