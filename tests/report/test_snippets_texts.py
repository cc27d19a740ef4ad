"""What is said of each route, and how the snippets are written."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.clients import PATIENCE, tool
from hubv1.api.names import Repository
from hubv1.api.routes import ROUTES, Listing, Outcome, Route
from hubv1.replacements import Replacement, replacement
from hubv1.report.changes import replacement_of
from report.made import report_of
from report.pasted import IMAGES, TAG, TAGS
from samples import make_entry

REPLACED = [TAG, TAGS, IMAGES]
DEAD = [route for route in ROUTES if route.listing in {None, Listing.NOTHING} or route.docker_token]
DEBIAN = Repository("library", "debian")


def made(
    route: Route, repository: Repository | None = DEBIAN, tag: str = "12", *, signed: bool = False
) -> Replacement:
    return replacement(route, repository, tag, signed=signed, paged=False)


@pytest.mark.parametrize("signed", [False, True], ids=["anonymous", "signed"])
@pytest.mark.parametrize("route", REPLACED, ids=["tag", "tags", "images"])
class TestCode:
    def test_shellcheck_has_nothing_to_say(
        self, tmp_path: Path, route: Route, *, signed: bool
    ) -> None:
        for each in made(route, signed=signed).snippets:
            if each.language != "bash":
                continue
            script = tmp_path / "script"
            script.write_text(each.code, encoding="utf-8")
            command = [tool("shellcheck"), "--norc", "--severity=style", str(script)]
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=PATIENCE, check=False
            )
            assert (done.returncode, done.stdout) == (0, "")

    def test_python_imports_what_it_uses_from_its_own_library(
        self, route: Route, *, signed: bool
    ) -> None:
        [code] = [one.code for one in made(route, signed=signed).snippets if one.title != "curl"][
            -1:
        ]
        tree = ast.parse(code)
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {alias.name for node in imports for alias in node.names}
        modules = {
            node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name
            for node in imports
        }
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert names <= used
        assert {module.partition(".")[0] for module in modules} <= sys.stdlib_module_names

    def test_it_is_short_and_fits_a_page(self, route: Route, *, signed: bool) -> None:
        for each in made(route, signed=signed).snippets:
            lines = each.code.splitlines()
            assert len(lines) <= 40
            assert max(map(len, lines)) <= 100
            assert each.code.endswith("\n")

    def test_it_calls_docker_for_the_callers_own_repository(
        self, route: Route, *, signed: bool
    ) -> None:
        for each in made(route, Repository("acme", "tool"), signed=signed).snippets:
            assert "acme" in each.code
            assert "tool" in each.code
            for placeholder in ("NAMESPACE", "REPOSITORY", "TAG", "«", "»"):
                assert placeholder not in each.code

    def test_the_call_to_make_instead_is_that_of_the_first_script(
        self, route: Route, *, signed: bool
    ) -> None:
        found = made(route, signed=signed)
        code = found.snippets[0].code.replace("$repository", "library/debian")
        assert found.new in code.replace("$hub", "https://hub.docker.com")


class TestWhatIsNotKnown:
    def test_unknown_names_are_in_capitals(self) -> None:
        found = made(TAG, None, "")
        assert found.old == "https://index.docker.io/v1/repositories/NAMESPACE/REPOSITORY/tags/TAG"
        assert found.new.endswith("/v2/namespaces/NAMESPACE/repositories/REPOSITORY/tags/TAG")
        assert all("NAMESPACE" in one.code and "TAG" in one.code for one in found.snippets)

    @pytest.mark.parametrize(
        ("repository", "tag"),
        [
            (Repository("$(reboot)", "x"), "12"),
            (Repository("a'b", "x"), "12"),
            (Repository("acme", "x\n"), "12"),
            (Repository("acme", "x"), "`reboot`"),
            (Repository("acme", "x"), "12;reboot"),
            (Repository("acme", "x"), '1"2'),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("route", REPLACED, ids=["tag", "tags", "images"])
    def test_names_that_hub_does_not_allow_never_get_into_a_script(
        self, route: Route, repository: Repository, tag: str
    ) -> None:
        found = made(route, repository, tag)
        texts = (found.new, found.line, *found.others, *(one.code for one in found.snippets))
        odd = tag if repository.namespace == "acme" and tag != "12" else str(repository)
        assert not [text for text in texts if odd in text]


class TestWords:
    @pytest.mark.parametrize("route", DEAD, ids=lambda route: route.name)
    def test_a_call_that_nothing_replaces_has_a_sentence_and_no_script(self, route: Route) -> None:
        found = made(route, None)
        assert [*found.snippets, *found.others, *found.fields] == []
        assert found.line == ""
        assert found.instead.endswith(".")
        assert "version of the bridge" not in found.instead
        assert found.lost == route.sentence

    @pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
    @pytest.mark.parametrize("repository", [None, DEBIAN])
    def test_the_new_call_is_a_url_wherever_there_is_one(
        self, route: Route, repository: Repository | None
    ) -> None:
        found = made(route, repository)
        assert found.new.startswith("https://") or not route.successor + route.replacement
        assert not set("{}") & set(found.old + found.new)

    @pytest.mark.parametrize("route", REPLACED, ids=["tag", "tags", "images"])
    def test_every_field_of_v1_is_accounted_for(self, route: Route) -> None:
        fields = {field.old: field.new for field in made(route).fields}
        assert fields == {
            TAG: {"pk": "id", "id": "digest"},
            TAGS: {"name": "tags[]", "layer": ""},
            IMAGES: {"id": "results[].images[].digest", "checksum": ""},
        }.get(route)

    def test_that_a_list_comes_in_pages_is_no_loss(self) -> None:
        assert made(TAGS).lost.startswith("Nothing is lost")

    def test_long_lists_of_images_are_read_signed_in(self) -> None:
        paged = replacement(IMAGES, DEBIAN, signed=False, paged=True)
        assert paged.snippets == made(IMAGES, signed=True).snippets
        assert any("DOCKER_TOKEN" in note for note in paged.notes)


class TestFindings:
    def test_a_finding_is_replaced_as_it_was_called(self) -> None:
        entry = make_entry(credentials="basic", server_address="registry.hub.docker.com")
        [finding] = report_of(entry).findings
        found = replacement_of(finding)
        assert found.old == "https://registry.hub.docker.com/v1/repositories/debian/tags"
        assert found.new == "https://registry-1.docker.io/v2/library/debian/tags/list"
        assert all("DOCKER_TOKEN" in one.code for one in found.snippets)

    @pytest.mark.parametrize(
        "host", ["127.0.0.1", "localhost", "10.1.5.46", "registry-1.docker.io"]
    )
    def test_behind_a_reverse_proxy_the_old_call_names_the_host_that_a_script_would(
        self, host: str
    ) -> None:
        [finding] = report_of(make_entry(server_address=host)).findings
        assert finding.told.old == "https://index.docker.io/v1/repositories/debian/tags"

    def test_a_finding_of_another_version_is_told_to_be_one(self) -> None:
        [finding] = report_of(make_entry(route="BREW /v1/tea", outcome=Outcome.PASSED)).findings
        assert "version of the bridge" in replacement_of(finding).instead
