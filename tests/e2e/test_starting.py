"""A set-up that cannot work ends the start, with a sentence that says what to change."""

import re
import shlex
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from e2e.bridges import (
    ADDON,
    ROOT,
    Finished,
    Mitmdump,
    bridge_arguments,
    eventually,
    finished,
    with_authority,
)
from e2e.conftest import StartBridge
from hubv1.journal import Journal, Location
from hubv1.journal.schema import SCHEMA_VERSION

Start = Callable[..., Finished]


@pytest.fixture
def start(tmp_path: Path, authority: Path) -> Start:
    """Start a bridge that has to give up by itself."""
    confdir = with_authority(tmp_path / "bridge", authority)

    def run(*settings: str, **environment: str) -> Finished:
        arguments = ["-s", str(ADDON), *(each for one in settings for each in ("--set", one))]
        return finished(confdir, *arguments, **environment)

    return run


def _nothing_to_do(folder: Path) -> tuple[str, str]:
    """Settings with which mitmdump ends by itself, even where it does start."""
    (nothing := folder / "nothing").touch()
    return "server=false", f"rfile={nothing}"


def _sentences(done: Finished) -> list[str]:
    """What it said before it gave up; it fails where it did not."""
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stdout
    lines = [re.sub(r"^\[[\d:.]+\] ", "", line) for line in done.stdout.splitlines()]
    usual = ("Loading script ", "HTTP(S) proxy listening ", "Error")
    return [line for line in lines if line and not line.startswith(usual)]


def _sentence(done: Finished) -> str:
    """The same, where it should be one sentence and no more."""
    (sentence,) = _sentences(done)
    return sentence


def test_each_wrong_option_is_named_with_what_is_wrong(start: Start) -> None:
    done = start("hub_deadlin=5", "hub_xyzzy=5", "hub_deadline=abc", "hub_url=a", "hub_url=b")
    expected = [
        "hub_deadlin is not an option of the Hub v1 bridge. Did you mean hub_deadline?",
        "hub_xyzzy is not an option of the Hub v1 bridge. Its options are ",
        "hub_deadline takes a whole number, not 'abc'.",
        "hub_url takes one value, but was given 2.",
    ]
    said = _sentences(done)
    assert len(said) == len(expected)
    for sentence, beginning in zip(said, expected, strict=True):
        assert sentence.startswith(beginning)


def test_a_value_that_cannot_be_used_ends_the_start_with_a_sentence(start: Start) -> None:
    sentence = _sentence(start("hub_url=https://joe:geheim@hub.docker.com"))
    assert sentence.startswith("hub_url must not contain a user name")
    assert "geheim" not in sentence


def test_a_wrong_option_in_config_yaml_ends_the_start_too(start: Start, tmp_path: Path) -> None:
    line = "hub_hots: [hub.docker.com]\n"
    (tmp_path / "bridge" / "config.yaml").write_text(line, encoding="utf-8")
    assert _sentence(start()).startswith(
        "hub_hots is not an option of the Hub v1 bridge. Did you mean hub_hosts?"
    )


@pytest.mark.parametrize("name", ["a folder", "a missing folder/journal", "no database"])
def test_a_journal_that_cannot_be_written_ends_the_start(
    start: Start, tmp_path: Path, name: str
) -> None:
    (tmp_path / "a folder").mkdir()
    (diary := tmp_path / "no database").write_text("Dear diary, " * 100, encoding="utf-8")
    assert str(tmp_path / name) in _sentence(start(f"hub_journal={tmp_path / name}"))
    assert diary.read_text(encoding="utf-8") == "Dear diary, " * 100


def test_a_database_of_somebody_else_ends_the_start_and_stays_as_it_is(
    tmp_path: Path, authority: Path
) -> None:
    journal = tmp_path / "somebodys.sqlite3"
    with closing(sqlite3.connect(journal)) as connection:
        connection.execute("CREATE TABLE calls (somebodys TEXT)")
        connection.commit()
    before = journal.read_bytes()
    confdir = with_authority(tmp_path / "bridge", authority)
    settings = [each for one in _nothing_to_do(tmp_path) for each in ("--set", one)]
    done = finished(confdir, *settings, *bridge_arguments(confdir, journal=str(journal)))
    assert "not a journal of this bridge" in _sentence(done)
    assert journal.read_bytes() == before


def test_the_journal_of_a_newer_bridge_ends_the_start_and_stays_as_it_is(
    start: Start, tmp_path: Path
) -> None:
    path = tmp_path / "journal.sqlite3"
    Journal(Location(str(path)), "bridge-1").close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE journal SET schema_version = 99")
    before = path.read_bytes()
    assert _sentence(start(f"hub_journal={path}")) == (
        f"The journal {path} has schema 99, this bridge knows up to {SCHEMA_VERSION}: use the "
        "newer bridge that wrote it."
    )
    assert path.read_bytes() == before


def test_a_database_is_no_journal_and_its_password_is_not_repeated(start: Start) -> None:
    sentence = _sentence(start("hub_journal=postgresql://joe:geheim@127.0.0.1:1/hub"))
    assert "hub_fleet" in sentence
    assert "geheim" not in sentence


def test_a_missing_package_is_named_with_the_way_to_install_it(
    start: Start, tmp_path: Path
) -> None:
    package = "aiohttp"
    stub = tmp_path / "stubs" / package / "__init__.py"
    stub.parent.mkdir(parents=True)
    stub.write_text(f"raise ModuleNotFoundError('No module', name={package!r})", encoding="utf-8")
    sentence = _sentence(start(PYTHONPATH=str(tmp_path / "stubs")))
    assert f"needs the Python package {package}" in sentence
    line = sentence.partition(" have. Install it there with: ")[2]
    assert line.endswith(f" -m pip install -r {ROOT / 'requirements.txt'}")
    # Everything is there already, so that pip has nothing to fetch.
    done = subprocess.run(shlex.split(line), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_eager_strategy_is_warned_about_with_the_setting_to_change(
    start_bridge: StartBridge,
) -> None:
    with start_bridge(strategy="eager") as bridge:
        eventually(lambda: "Set connection_strategy=lazy." in bridge.log, "a warning")


def test_a_sound_set_up_starts_without_a_word_of_warning(bridge: Mitmdump) -> None:
    head, listening, _ = bridge.log.partition("listening at")
    assert listening
    assert re.sub(r"\[[\d:.]+\] ", "", head).splitlines()[:-1] == [f"Loading script {ADDON}"]
    assert "connection_strategy" not in bridge.log
    assert bridge_arguments(bridge.confdir)[1] == str(ADDON)
