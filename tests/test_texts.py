"""Texts from outside: bounded, on one line, never a reason to fail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubv1.texts import LONGEST, bounded, printable, readable


def test_a_text_is_kept_whole_up_to_the_limit_and_cut_visibly_beyond_it() -> None:
    assert LONGEST == 256
    assert bounded("x" * 256) == "x" * 256
    assert bounded("x" * 257) == "x" * 255 + "…"


@pytest.mark.parametrize(
    ("text", "kept"),
    [("\udcff x", "\\udcff x"), ("a\0b", "a\\0b"), ("\N{OCTOPUS}", "\N{OCTOPUS}")],
)
def test_what_no_database_takes_is_kept_as_an_escape(text: str, kept: str) -> None:
    assert bounded(text) == kept


@given(st.text(st.characters()))
def test_whatever_is_kept_can_be_stored(text: str) -> None:
    kept = bounded(text)
    kept.encode()
    assert "\0" not in kept
    assert len(kept) <= LONGEST


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /v1/ä", "GET /v1/ä"),
        ("a\nb", "a\\nb"),
        ("a\r\nINFO: forged", "a\\r\\nINFO: forged"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\udcff", "\\udcff"),
    ],
)
def test_what_a_terminal_would_act_on_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_whatever_is_shown_is_one_printable_line(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    shown.encode()


@given(st.binary())
def test_any_bytes_become_a_text_that_can_be_stored(raw: bytes) -> None:
    readable(raw).encode()


@pytest.mark.parametrize(
    ("raw", "text"), [(b"/v1/\xc3\xa4", "/v1/ä"), (b"/v1/\xff\x41", "/v1/\\xffA")]
)
def test_bytes_that_are_no_text_stay_visible(raw: bytes, text: str) -> None:
    assert readable(raw) == text
