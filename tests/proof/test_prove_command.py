"""`scripts/prove`: what is compared and kept, and how the report of the same journal shows it."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

import hubv1
from hubv1.cli.main import main
from hubv1.journal import CallRecord
from hubv1.report.proof_file import SUFFIX
from proof.proving import ACCOUNT, BASE, catalog
from report.made import write_journal
from report.schemas import checked
from samples import make_entry
from standin import Settings, Standin, faults

TAGS, TAG, IMAGES = f"{BASE}/tags", f"{BASE}/tags/{{tag_name}}", f"{BASE}/images"
PYTHON = ("--tool", "python")


@pytest.fixture(scope="module")
def running() -> Iterator[Standin]:
    with Standin(catalog(), Settings(failed_logins=0)) as running:
        yield running


def call(caller: str, route: str, name: str, tag: str = "", **more: Any) -> CallRecord:
    return make_entry(
        caller=caller, route=route, namespace="acme", repository=name, tag=tag, **more
    )


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return write_journal(
        tmp_path / "journal.sqlite3",
        *[call("busy", TAGS, "three") for _ in range(3)],
        call("busy", TAG, "three", "12"),
        call("busy", TAG, "three", "11"),
        call("other", TAGS, "three"),
        call("other", TAGS, "$(touch x)"),
        call("busy", TAG, "three", "../../12"),
        call("signs in", TAGS, "private", credentials="basic"),
        make_entry(caller="dead", route="PUT/DELETE /v1/repositories/…", repository=""),
    )


def run(*arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of the program."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return code, out.getvalue(), err.getvalue()


def prove(hub: Standin, journal: object, *more: object) -> tuple[int, str, str]:
    at = ("--hub", hub.url, "--registry", hub.registry_url)
    return run("prove", "--journal", journal, *at, *PYTHON, *more)


def told(journal: object, *more: object) -> dict[str, Any]:
    code, out, _ = run("report", "--journal", journal, "--format", "json", *more)
    assert code == 0
    return checked(out)


class TestCommand:
    def test_each_replacement_is_compared_once_whoever_calls(
        self, hub: Standin, journal: Path
    ) -> None:
        code, out, err = prove(hub, journal)
        assert (code, err) == (0, "")
        assert out.splitlines()[:-1] == [
            "equal     tags of acme/three: 3 compared (Python 3)",
            "equal     tag of acme/three: 3 compared (Python 3)",
            "unproven  tags of acme/private, signed in: it signs in: --username NAME proves it",
        ]
        assert out.splitlines()[-1].startswith("2 of 3 proven equal, 0 differ, 1 unproven. Kept in")
        asked = {call.path.rpartition("/")[2] for call in hub.calls if "/three/tags/" in call.path}
        assert asked == {"12", "11", "no-such-tag-0f2c", "list"}

    def test_an_account_proves_what_signs_in(
        self, hub: Standin, journal: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HUB_SECRET", ACCOUNT.secret)
        _, out, _ = prove(hub, journal, "--username", ACCOUNT.user)
        assert "equal     tags of acme/private, signed in: 250 compared" in out
        file = Path(f"{journal}{SUFFIX}")
        assert ACCOUNT.secret not in out + file.read_text()
        # Without it, what is known already stays.
        prove(hub, journal)
        assert json.loads(file.read_text())["proofs"][0]["result"] == "equal"

    def test_a_difference_is_told_with_names_and_exit_code_4(
        self, hub: Standin, journal: Path
    ) -> None:
        hub.faults.add(
            "three/tags/list",
            faults.rewrite(lambda it: it | {"tags": ["12", "new"]} if "tags" in it else it),
        )
        code, out, _ = prove(hub, journal)
        assert code == 4
        assert "differs   tags of acme/three: 2 missing: latest, 13.1-slim; 1 extra: new" in out

    def test_those_that_never_were_compared_come_first(self, hub: Standin, journal: Path) -> None:
        code, out, err = prove(hub, journal, "--limit", 1)
        assert (code, "tags of acme/three" in out) == (0, True)
        assert "2 replacements more: run it again" in err
        assert "tag of acme/three" in prove(hub, journal, "--limit", 1)[1]
        assert "tags of acme/three" in prove(hub, journal, "--limit", 1)[1]

    def test_where_single_calls_have_gone_latest_stands_for_their_tags(
        self, hub: Standin, journal: Path
    ) -> None:
        with closing(sqlite3.connect(journal)) as connection, connection:
            connection.execute("DELETE FROM calls")
        _, out, _ = prove(hub, journal)
        assert "equal     tag of acme/three: 2 compared" in out
        assert [call for call in hub.calls if call.path.endswith("/three/tags/latest")]

    def test_findings_can_be_chosen(self, hub: Standin, journal: Path) -> None:
        assert len(prove(hub, journal, "--caller", "other")[1].splitlines()) == 2
        code, _, err = prove(hub, journal, "--repository", "acme/nobody")
        assert (code, "no repository 'acme/nobody'" in err) == (2, True)

    def test_json_is_what_is_kept(self, hub: Standin, journal: Path) -> None:
        _, out, _ = prove(hub, journal, "--format", "json")
        file = Path(f"{journal}{SUFFIX}")
        assert json.loads(out)["schema"] == "hub-v1-proof/1"
        kept = json.loads(file.read_text())["proofs"]
        assert sorted(map(str, kept)) == sorted(map(str, json.loads(out)["proofs"]))
        assert file.stat().st_mode & 0o777 == 0o600

    def test_nothing_compared_is_a_failure(self, hub: Standin, journal: Path) -> None:
        hub.faults.add("/v2/namespaces", faults.status(500), listener="hub")
        hub.faults.add("three/tags/list", faults.status(500), listener="registry")
        code, out, _ = prove(hub, journal, "--caller", "other")
        assert (code, out.partition(" ")[0]) == (1, "unproven")

    def test_a_registry_without_a_token_service_of_its_own_is_refused(
        self, hub: Standin, journal: Path
    ) -> None:
        hub.settings.auth_announced = "https://elsewhere.example"
        try:
            code, _, err = prove(hub, journal)
        finally:
            hub.settings.auth_announced = ""
        assert (code, "names no token service of its own" in err) == (1, True)

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--limit", "0"], "--limit"),
            (["--tool", "wget"], "--tool"),
            (["--hub", 'https://hub.example/";reboot'], "--hub"),
            (["--journal", "postgresql+psycopg://me@db.example/hub"], "-o FILE"),
        ],
    )
    def test_arguments_that_make_no_sense_are_wrong_usage(
        self, arguments: list[str], said: str
    ) -> None:
        code, _, err = run("prove", *arguments)
        assert (code, said in err) == (2, True)

    def test_a_journal_that_there_is_not_is_a_failure(self, tmp_path: Path) -> None:
        code, _, err = run("prove", "--journal", tmp_path / "none.sqlite3")
        assert (code, "There is no journal" in err) == (1, True)

    def test_a_place_that_cannot_be_written_is_told_before_anything_is_asked(
        self, hub: Standin, journal: Path, tmp_path: Path
    ) -> None:
        hub.forget_calls()
        code, out, err = prove(hub, journal, "-o", tmp_path / "none" / "proofs.json")
        assert (code, out, len(hub.calls)) == (1, "", 0)
        assert f"{tmp_path / 'none'} cannot be written. Name a file: -o FILE." in err


class TestReport:
    def test_it_says_of_a_caller_how_many_are_proven(self, hub: Standin, journal: Path) -> None:
        prove(hub, journal)
        code, out, _ = run("report", "--journal", journal, "--format", "md")
        assert code == 0
        rows = {line.split("|")[1].strip(): line for line in out.splitlines() if "|" in line}
        assert re.search(r"proven equal \d{4}-\d\d-\d\d, 2 of 2", rows["`busy`"])
        assert "not proven" in rows["`signs in`"]
        assert "proven" not in rows["`dead`"].partition("`dead`")[2].replace("not bridged", "")
        assert "Replacements that are not proven" in out

    def test_a_difference_is_shown_in_every_format(self, hub: Standin, journal: Path) -> None:
        hub.faults.add(
            "three/tags/list",
            faults.rewrite(lambda it: it | {"tags": ["12", "<new>"]} if "tags" in it else it),
        )
        prove(hub, journal)
        for form, shown in (
            ("terminal", "1 extra: <new>"),
            ("md", "2 missing: latest, 13.1-slim"),
            ("html", "1 extra: &lt;new&gt;"),
            ("csv", ",differs "),
        ):
            out = run("report", "--journal", journal, "--format", form)[1]
            assert shown in out, form
        report = told(journal)
        proven = {each["caller"]: each["proven"] for each in report["callers"]}
        assert {name: proven["busy"][name] for name in ("equal", "differs", "of")} == {
            "equal": 1,
            "differs": 1,
            "of": 2,
        }
        assert proven["dead"] is None
        [differs] = [each for each in report["proofs"] if each["result"] == "differs"]
        assert differs["missing"] == ["latest", "13.1-slim"]

    def test_reports_of_the_bridge_itself_say_it_too(
        self, hub: Standin, journal: Path, tmp_path: Path
    ) -> None:
        prove(hub, journal)
        file = tmp_path / "own.json"
        command = [sys.executable, "-m", "hubv1.reporting", "0", str(journal), "token", str(file)]
        addon = Path(hubv1.__file__).parents[1]
        environment = os.environ | {"PYTHONPATH": str(addon)}
        subprocess.run(command, env=environment, check=True)
        assert len(checked(file.read_text())["proofs"]) == 3

    def test_without_proofs_it_is_as_ever(self, journal: Path) -> None:
        assert told(journal)["proofs"] == []
        assert "Replacements" not in run("report", "--journal", journal)[1]

    def test_proofs_may_be_in_another_file(
        self, hub: Standin, journal: Path, tmp_path: Path
    ) -> None:
        file = tmp_path / "proofs.json"
        prove(hub, journal, "-o", file)
        assert told(journal)["proofs"] == []
        assert len(told(journal, "--proof", file)["proofs"]) == 3

    def test_a_damaged_file_beside_the_journal_is_left_out_and_replaced(
        self, hub: Standin, journal: Path
    ) -> None:
        file = Path(f"{journal}{SUFFIX}")
        file.write_text("{")
        code, _, err = run("report", "--journal", journal)
        assert (code, f"The file of proofs {file} cannot be read: " in err) == (0, True)
        assert "It is left out." in err
        prove(hub, journal)
        assert len(told(journal)["proofs"]) == 3

    def test_a_damaged_file_that_was_named_is_a_failure(
        self, journal: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "proofs.json").write_text("[]")
        code, _, err = run("report", "--journal", journal, "--proof", tmp_path / "proofs.json")
        assert (code, "proofs.json cannot be read: " in err) == (1, True)

    def test_a_call_of_a_new_kind_is_not_proven(self, hub: Standin, journal: Path) -> None:
        prove(hub, journal, "--caller", "other")
        [busy] = [each for each in told(journal)["callers"] if each["caller"] == "busy"]
        assert (busy["proven"]["equal"], busy["proven"]["of"]) == (1, 2)
