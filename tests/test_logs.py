"""Whatever a line of ours in a log says, it is one line, and nothing in it acts on a terminal."""

import asyncio
import io
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.addons.termlog import TermLogHandler

import hubv1
from hubv1.text import escape_log_lines
from onstage import make_flow, on_stage
from standin import Standin, faults

FORGED = "[12:00:00.000] hub v1: GET /forged"
HOSTILE = [
    f"a\n{FORGED}",
    f"a\r\n{FORGED}",
    f"a\r{FORGED}",
    f"a\x0b{FORGED}\x0c\x1c\x1d\x1e",
    f"a\x85{FORGED}",
    f"a\u2028{FORGED}\u2029",
    "\x1b[31mred\x1b]0;title\x07\x1b[2J",
    "\x9b31mred\x9d0;title\x9c",
    "\x00\x08\x7f",
    "\u202egnp.exe\u2066\u200f\u061c",
    "\ufeff\u200b\u00ad",
    "\ud83d\udcff",
    "\U000e0041\ufff9",
    "100 % %s %(x)d {}",
]
LINE = re.compile(r"\[\d\d:\d\d:\d\d\.\d{3}\] ")


@pytest.fixture
def console() -> Iterator[io.StringIO]:
    """What mitmproxy writes to its console."""
    out = io.StringIO()
    with written_to(out) as handler:
        handler._initiated_in_test = ""  # or it is deaf once this phase of the test is over
        yield out


@contextmanager
def written_to(out: io.StringIO) -> Iterator[Any]:
    handler: Any = TermLogHandler(out)
    handler.install()
    try:
        yield handler
    finally:
        handler.uninstall()


@pytest.fixture(params=["hubv1", "hubv1.hub.client", "hubv1.some.module.of.tomorrow"])
def logger(request: pytest.FixtureRequest) -> logging.Logger:
    return logging.getLogger(request.param)


def shown(console: io.StringIO) -> list[str]:
    lines = console.getvalue().splitlines()
    assert all(line.isprintable() for line in lines)
    console.getvalue().encode()
    return lines


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_hostile_text_makes_one_harmless_line(
    console: io.StringIO, logger: logging.Logger, text: str
) -> None:
    logger.warning("hub v1: %s from %s", text, text)
    logger.warning(text)
    logger.error(ValueError(text))
    lines = shown(console)
    assert len(lines) == 3
    assert all(LINE.match(line) for line in lines)


@given(st.text(st.characters(), min_size=1))
def test_any_text_makes_one_line(text: str) -> None:
    with written_to(out := io.StringIO()):
        logging.getLogger("hubv1.x").warning("%s", text)
    assert len(shown(out)) == 1


def test_what_can_be_shown_is_shown_as_it_is(console: io.StringIO, logger: logging.Logger) -> None:
    logger.warning("%s of %d: Łódź, 100 %%", "one", 2)
    assert shown(console)[0].endswith("] one of 2: Łódź, 100 %")


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_an_exception_is_told_in_lines_that_look_like_no_others(
    console: io.StringIO, logger: logging.Logger, text: str
) -> None:
    cause = ValueError(text)
    cause.add_note(text)
    error = RuntimeError(text)
    try:
        raise error from cause
    except RuntimeError:
        logger.exception("The bridge failed on %s", text, stack_info=True)
    first, *below = shown(console)
    assert LINE.match(first)
    assert "  Traceback (most recent call last):" in below
    assert any(line.startswith("  RuntimeError: ") for line in below)
    assert all(line.startswith("  ") for line in below)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://joe:geheim@hub.example/x", "https://***@hub.example/x"),
        ("https://geheim@hub.example/x", "https://***@hub.example/x"),
        ("postgresql+psycopg://u:geheim@geheim/geheim@db/x", "postgresql+psycopg://***@db/x"),
        (
            "postgresql://u:***@db/x and postgresql://u@db",
            "postgresql://u:***@db/x and postgresql://u@db",
        ),
        ("socks5://u:ge/he?im#geheim@h:1080", "socks5://***@h:1080"),
        ("https://hub.example/@geheimnis", "https://hub.example/@geheimnis"),
        ("a@b.example and https://hub.example", "a@b.example and https://hub.example"),
    ],
)
def test_user_names_and_passwords_in_urls_are_masked(
    console: io.StringIO, logger: logging.Logger, url: str, kept: str
) -> None:
    logger.warning("cannot reach %s: refused", url)
    assert shown(console)[0].endswith(f"] cannot reach {kept}: refused")


def test_a_line_appears_once_however_often_the_package_is_loaded(
    console: io.StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    escape_log_lines()
    escape_log_lines()
    logging.getLogger("hubv1.hub").warning("once")
    assert len(shown(console)) == 1
    assert caplog.messages == ["once"]
    assert hubv1.__version__


def test_levels_are_as_ever(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with written_to(out := io.StringIO()) as handler:
        handler.setLevel(logging.ERROR)  # as -q does
        logging.getLogger("hubv1.hub").debug("unseen")
        logging.getLogger("hubv1.hub").warning("unseen with -q")
        logging.getLogger("hubv1.hub").error("seen\nwith -q")
    assert [line.partition("] ")[2] for line in shown(out)] == ["seen\\nwith -q"]
    assert [record.levelname for record in caplog.records] == ["DEBUG", "WARNING", "ERROR"]


def test_arguments_that_do_not_fit_raise_nothing(
    console: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    logging.getLogger("hubv1.hub").warning("%d", "none")
    assert shown(console)[0].endswith("] A log line could not be formatted")
    assert "--- Logging error ---" in capsys.readouterr().err


def test_no_call_and_no_answer_of_hub_forges_a_line(
    tmp_path: Path, hub: Standin, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    evil = f"no\r\n{FORGED}\x1b[31m\u202e\x85{FORGED}"
    for status in (403, 500, 429):
        said = {"message": evil, "detail": evil}
        hub.faults.add(f"/tags/t{status}", faults.status(status, said))

    async def playing() -> None:
        async with on_stage(tmp_path, hub.url, hub_deadline=1, hub_caller_header="X-Name") as stage:
            for tag in ("12", "t403", "t500", "t429"):
                path = f"/v1/repositories/debian/tags/{tag}"
                await stage.play(make_flow(path, headers={"X-Name": evil}))
            await stage.play(make_flow(f"/v1/repositories/{evil}/tags", method="PUT"), evil)
            await stage.play(make_flow(f"/v1/repositories/{evil}/tags"))

    with written_to(out := io.StringIO()):
        asyncio.run(playing())
    lines = shown(out)
    told = [line for line in lines if re.match(LINE.pattern + "hub v1: (GET|PUT) /v1/", line)]
    assert len(told) == 6
    assert any("(forbidden: no\\r\\n" in line for line in lines)
    assert all(LINE.match(line) for line in lines)
    assert not any(line.startswith(FORGED) for line in lines)
