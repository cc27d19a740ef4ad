"""Each idiom's old lines by way of the bridge, and its new ones without, give the same."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.bridges import Mitmdump, running_bridge, with_authority
from e2e.clients import PATIENCE, behind, clean_environment, tool
from hubv1.source import Tree, scan_trees, write_fixes
from hubv1.source.idioms import READERS, TESTS, Idiom
from standin import Catalog, Standin, faults

LIST = "https://registry.hub.docker.com/v1/repositories/$1/tags"
TAG = f"{LIST}/$TAG"
WITH_WGET = (
    "list-sed-tr-awk",
    "list-jq-name",
    "list-jq-contains",
    "list-grep-pairs",
    "list-grep-count",
)
"""Every way in which new lines fetch a list, and in which they end."""
READ = [
    pytest.param(idiom, fetch, has_jq, id=f"{idiom.name}-{fetch.split()[0]}-{'jq' * has_jq}")
    for idiom in READERS
    for fetch in ("curl -s", "wget -q --tries=1 -O -")
    for has_jq in (False, True)
    if has_jq or ("jq" not in idiom.old and idiom.awk)
    if fetch.startswith("curl") or idiom.name in WITH_WGET
]
ENDINGS = [each for each in READ if str(each.id).startswith(WITH_WGET)]
TESTED = [pytest.param(idiom, id=idiom.name) for idiom in TESTS]
SILENT = ("429", "500", "no connection")


@dataclass(frozen=True)
class Ways:
    """To Docker Hub as it was, and as it is."""

    hub: Standin
    bridge: Mitmdump
    home: Path

    def old(self, script: str, name: str) -> tuple[str, int]:
        return self._run(script, name, "bash", behind(self.bridge))[:2]

    def new(self, script: str, name: str) -> tuple[str, int, str]:
        """With the least of shells."""
        for host, url in (
            ("https://hub.docker.com/v2", f"{self.hub.url}/v2"),
            ("https://registry-1.docker.io", self.hub.registry_url),
            ("https://auth.docker.io", self.hub.auth_url),
        ):
            script = script.replace(host, url)
        return self._run(script, name, "sh", clean_environment(self.home))

    def _run(
        self, script: str, name: str, shell: str, environment: dict[str, str]
    ) -> tuple[str, int, str]:
        for program in ("curl", "wget", "jq"):
            if program in script:
                tool(program)
        done = subprocess.run(
            [tool(shell), "-c", script, shell, name],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.stdout, done.returncode, done.stderr


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory, authority: Path) -> Iterator[Ways]:
    made = Catalog()
    made.add("library/tiny", ["10", "2", "latest", "1", "Beta"])
    made.add("acme/none", [])
    made.add("acme/three", ["12", "latest", "13.1-slim"])
    made.add_generated("acme/long", 1_500)
    home = tmp_path_factory.mktemp("idioms")
    with (
        Standin(made) as hub,
        running_bridge(
            with_authority(home / "bridge", authority),
            hub_url=hub.url,
            registry_url=hub.registry_url,
        ) as bridge,
    ):
        yield Ways(hub, bridge, home)


@pytest.fixture(autouse=True)
def without_faults(ways: Ways) -> None:
    ways.hub.faults.clear()


def fixed(script: str, folder: Path) -> str:
    """The script as --fix leaves it."""
    (file := folder / "script.sh").write_text(script)
    scan = scan_trees(Tree([file], [], folder))
    write_fixes(scan, pytest.fail)
    assert (scan.fixed, scan.findings) == (1, [])
    return file.read_text()


def reading(idiom: Idiom, fetch: str, *, has_jq: bool) -> str:
    line = idiom.old.replace("curl -s", fetch).replace("{list}", LIST)
    return f"WORD=1\n{'# it has jq' * has_jq}\n{line}\n"


def checking(idiom: Idiom, tag: str) -> str:
    """With wget told not to try again where it has no answer, which it does for minutes."""
    line = idiom.old.replace("wget -q", "wget -q --tries=1")
    return f"TAG={tag}\n{line.replace('{list}', LIST).replace('{tag}', TAG)}\n"


@pytest.mark.parametrize(("idiom", "fetch", "has_jq"), READ)
def test_a_list_is_as_it_was_however_long(
    ways: Ways, tmp_path: Path, idiom: Idiom, fetch: str, *, has_jq: bool
) -> None:
    old = reading(idiom, fetch, has_jq=has_jq)
    new = fixed(old, tmp_path)
    for name in ("acme/three", "acme/long", "tiny"):
        assert ways.new(new, name)[:2] == ways.old(old, name)
    output, code, _ = ways.new(new, "acme/nothing")
    assert (output, code == 0) == ("", False)


@pytest.mark.parametrize(("idiom", "fetch", "has_jq"), ENDINGS)
def test_a_list_that_cannot_be_had_is_a_failure_that_prints_nothing(
    ways: Ways, tmp_path: Path, idiom: Idiom, fetch: str, *, has_jq: bool
) -> None:
    new = fixed(reading(idiom, fetch, has_jq=has_jq), tmp_path)
    for trouble in SILENT:
        for path in ("tags/list", "/token"):
            _break(ways.hub, path, trouble)
            output, code, _ = ways.new(new, "acme/three")
            assert (output, code == 0) == ("", False)


@pytest.mark.parametrize("has_jq", [False, True], ids=["awk", "jq"])
def test_a_list_with_more_pages_is_never_taken_for_all(
    ways: Ways, tmp_path: Path, *, has_jq: bool
) -> None:
    new = fixed(reading(READERS[0], "curl -s", has_jq=has_jq), tmp_path)
    ways.hub.settings.registry_page = 100
    try:
        output, code, _ = ways.new(new, "acme/long")
    finally:
        ways.hub.settings.registry_page = 0
    assert (output, code == 0) == ("", False)


@pytest.mark.parametrize("has_jq", [False, True], ids=["awk", "jq"])
def test_what_follows_a_list_is_fed_with_all_of_it_or_not_run(
    ways: Ways, tmp_path: Path, *, has_jq: bool
) -> None:
    old = reading(READERS[0], "curl -s", has_jq=has_jq).rstrip("\n") + " | sort -V | tail -n 1\n"
    new = fixed(old, tmp_path)
    for name in ("acme/three", "acme/long", "acme/none"):
        assert ways.new(new, name)[:2] == ways.old(old, name)
    _break(ways.hub, "tags/list", "429")
    assert ways.new(new, "acme/three")[:2] == ("", 1)


@pytest.mark.parametrize("idiom", TESTED)
def test_a_tag_is_there_or_missing_as_it_was(ways: Ways, tmp_path: Path, idiom: Idiom) -> None:
    for tag in ("12", "11", "13.1-slim"):
        old = checking(idiom, tag)
        new = fixed(old, tmp_path)
        for name in ("acme/three", "acme/nothing"):
            assert ways.new(new, name)[:2] == ways.old(old, name)
    old = checking(idiom, "Beta")
    assert ways.new(fixed(old, tmp_path), "tiny")[:2] == ways.old(old, "tiny")


@pytest.mark.parametrize("trouble", SILENT)
@pytest.mark.parametrize("idiom", TESTED)
def test_no_tag_counts_as_missing_but_on_404(
    ways: Ways, tmp_path: Path, idiom: Idiom, trouble: str
) -> None:
    new = fixed(checking(idiom, "12"), tmp_path)
    there = ways.new(new, "acme/three")[:2]
    _break(ways.hub, "/tags/12", trouble)
    output, code, said = ways.new(new, "acme/three")
    if idiom.differs and "ends" in idiom.differs:
        assert (output, code) == ("", 1)
        assert "did not say" in said
    else:
        assert (output, code) == there


def _break(hub: Standin, match: str, trouble: str) -> None:
    hub.faults.clear()
    actions = {
        "429": faults.status(429, {"message": "Rate limit exceeded"}),
        "500": faults.status(500, {"message": "no"}),
        "no connection": faults.drop(),
    }
    if trouble:
        hub.faults.add(match, actions[trouble])
