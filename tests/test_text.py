"""Texts from outside: bounded, on one line, never a reason to fail."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubv1.text import LONGEST, bounded, decode_text, printable, read_text, readable


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


_TEXT = 'caller = "Łódź/*"\nreason = "moved"'


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("after", ["", "\n\n", " \t\f\xa0", "\x1a"])
def test_a_text_is_read_however_an_editor_saved_it(
    tmp_path: Path, encoding: str, newline: str, after: str
) -> None:
    file = tmp_path / "text"
    file.write_bytes((_TEXT + after).replace("\n", newline).encode(encoding))
    assert read_text(file) == _TEXT


def test_lines_keep_their_numbers_where_white_space_or_a_second_mark_stands_before_the_text() -> (
    None
):
    assert decode_text("\ufeff\ufeff \r\n\xa0\n  a\n b".encode()) == "\n\na\n b"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("# nötig\n# gelöscht".encode("latin-1"), r"not UTF-8: line 1 has the byte 0xF6"),
        (b"a\r\n\x80", "not UTF-8: line 2 has the byte 0x80, .*Windows-1252"),
        ("a = 1".encode("utf-16") + b"\0", "UTF-16"),
        (b"\xff\xfe\0\0\xff\xff\xff\xff", "UTF-32"),
    ],
)
def test_an_encoding_that_cannot_be_read_is_named(data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        decode_text(data)


@given(st.binary())
def test_any_bytes_are_a_text_or_a_reason_that_names_an_encoding(data: bytes) -> None:
    try:
        text = decode_text(data)
    except ValueError as error:
        text = str(error)
        assert "UTF-" in text  # either will do
    assert not text.startswith("\ufeff")
    assert "\r" not in text


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")))
def test_every_text_in_utf_8_is_kept_but_for_what_is_around_it(text: str) -> None:
    assert decode_text(text.encode()).strip() in text
