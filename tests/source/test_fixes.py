"""A change is offered where it is known to be right, and nowhere else."""

# ruff: noqa: E501  # scripts have long lines
import resource
from pathlib import Path

import pytest

from hubv1.source import Scan, Tree, scan_trees, write_fixes

LIST = "https://index.docker.io/v1/repositories/acme/app/tags"
TAG = f"{LIST}/$T"
NAMES = f"curl -s {LIST} | jq -r '.[].name'"

NOT_OFFERED = {
    "in a loop that waits": f"until curl -sf {TAG} > /dev/null; do sleep 5; done",
    "with credentials": f"curl -s -u $U:$P {LIST} | jq -r '.[].name'",
    "with a header": f"curl -s -H 'X-Docker-Token: true' {LIST} | jq -r '.[].name'",
    "without a check of certificates": f"curl -sk {LIST} | jq -r '.[].name'",
    "with a variable that is cut": "curl -s https://index.docker.io/v1/repositories/${I%%:*}/tags | jq length",
    "with what a command prints": f"curl -sf {LIST}/$(cat VERSION) > /dev/null",
    "with a query": f"curl -s '{LIST}?page=1' | jq length",
    "in a test that cannot see a failure": f'[ -z "$({NAMES} | grep 1)" ] && make',
    "in a variable that is tested later": f"found=$({NAMES} | grep 1)\n[ $found ] || make",
    "where 200 alone counts": f"c=$(curl -s -o /dev/null -w '%{{http_code}}' {TAG})\n[ $c = 200 ] || make",
    "in backquotes in a string": f'echo "`{NAMES}`"',
    "with another program for jq": f"curl -s {LIST} | jq -r '.[].name | ltrimstr(\"v\")'",
    "with a file in between": f"curl -s {LIST} -o tags.json && jq length tags.json",
    "that shows the answer": f"curl -s {LIST} | jq .",
    "where sed runs what it reads": f"curl -s {LIST} | sed -e 's/x/id/e'",
    "where a parameter of a caller is gone": f"u={LIST}/$1\nf() {{\n  curl -sf $u > /dev/null\n}}",
}  # fmt: skip
OFFERED = {
    "at the end of a list": (f"make && {NAMES} | tail -1", "make && { names=$(curl -fsSi "),
    "before && that the grammar misreads": (f"{NAMES} | grep -q 1 && make", "|| exit 1\nprintf "),
    "behind a !": (f"! curl -sf {TAG} > /dev/null && make", "! case $(curl -sS -o /dev/null "),
    "with options for patience": (f"curl -s --retry 3 {LIST} | jq length", "curl -fsSi --retry 3 -H "),
    "that ends on a failure": (f"set -e\nfound=$({NAMES} | grep 1)", "found=$(names=$("),
    "in a function": (f"f() {{\n  {NAMES} | sort -V\n}}", "|| return 1\n  printf "),
}  # fmt: skip


def scan(folder: Path, text: str, name: str = "a.sh") -> Scan:
    (folder / name).write_text(f"# jq\n{text}\n")
    return scan_trees(Tree([folder], [], folder))


@pytest.mark.parametrize("text", NOT_OFFERED.values(), ids=NOT_OFFERED)
def test_no_change_is_offered(tmp_path: Path, text: str) -> None:
    [finding] = scan(tmp_path, text).findings
    assert finding.fix is None
    assert finding.replacement


@pytest.mark.parametrize(("text", "new"), OFFERED.values(), ids=OFFERED)
def test_a_change_is_offered(tmp_path: Path, text: str, new: str) -> None:
    found = scan(tmp_path, text)
    write_fixes(found, pytest.fail)
    assert found.fixed == 1
    assert new in (tmp_path / "a.sh").read_text()


def test_the_line_behind_a_long_pipeline_is_a_call_of_its_own(tmp_path: Path) -> None:
    text = f"{NAMES} | tail -1\n\t curl -sf {TAG} > /dev/null && exit\n" * 3
    found = scan(tmp_path, text).findings
    assert [each.line for each in found] == [2, 3, 4, 5, 6, 7]
    assert all(each.fix for each in found)


def test_variables_of_make_stay_what_they_are(tmp_path: Path) -> None:
    text = f"x:\n\t@curl -sf {LIST.replace('acme/app', '$(I)')}/$$T > /dev/null || $(MAKE) y"
    write_fixes(scan(tmp_path, text, "Makefile"), pytest.fail)
    line = (tmp_path / "Makefile").read_text().splitlines()[-1]
    assert line.startswith("\t@repository=$(I); case $$repository in ")
    assert "/namespaces/$${repository%/*}/repositories/$${repository#*/}/tags/$${T}" in line
    assert line.endswith(" || $(MAKE) y")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Makefile", "I ?= acme/app\nNAMES = $(shell {list})"),
        ("Dockerfile", "ARG I=acme/app\nRUN NAMES=$({list})"),
    ],
)
def test_a_name_that_may_be_given_from_outside_may_be_one_without_a_namespace(
    tmp_path: Path, name: str, text: str
) -> None:
    call = NAMES.replace("acme/app", "$(I)" if name == "Makefile" else "${I}")
    write_fixes(scan(tmp_path, text.format(list=call), name), pytest.fail)
    assert "*) repository=library/" in (tmp_path / name).read_text()


def test_a_hash_that_make_may_take_for_a_comment_is_not_written(tmp_path: Path) -> None:
    call = f"curl -sf {LIST.replace('acme/app', '$(I)')}/1 > /dev/null && echo yes"
    [finding] = scan(tmp_path, f"X = $(shell {call})", "Makefile").findings
    assert finding.fix is None


def test_a_file_that_was_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    found = scan(tmp_path, NAMES)
    (tmp_path / "a.sh").write_text("changed\n")
    said: list[str] = []
    write_fixes(found, said.append)
    assert (found.fixed, len(found.findings), len(said)) == (0, 1, 1)
    assert (tmp_path / "a.sh").read_text() == "changed\n"


def test_a_file_is_whole_where_the_disk_is_full(tmp_path: Path) -> None:
    found = scan(tmp_path, NAMES)
    (file,) = tmp_path.iterdir()
    before, said = file.read_text(), list[str]()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))  # bytes of any file
    try:
        write_fixes(found, said.append)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (found.fixed, len(found.findings), len(said)) == (0, 1, 1)
    assert [each.read_text() for each in tmp_path.iterdir()] == [before]


def test_empty_quotes_in_a_string_of_yaml_stay_what_they_are(tmp_path: Path) -> None:
    found = scan(tmp_path, f"""run: "V='' && {NAMES}" """, "ci.yml")
    write_fixes(found, pytest.fail)
    assert found.fixed == 1
    assert "V='' && curl -fsSi " in (tmp_path / "ci.yml").read_text()


def test_new_lines_are_indented_as_the_old_one_and_none_where_a_here_document_follows(
    tmp_path: Path,
) -> None:
    text = f"if true; then\n\t{NAMES}\n\tcat - <(  {NAMES} ) << END\nEND\nfi"
    write_fixes(scan(tmp_path, text, "a.bash"), pytest.fail)
    lines = (tmp_path / "a.bash").read_text().splitlines()
    begin = next(number for number, line in enumerate(lines) if "curl" in line)
    end = next(number for number, line in enumerate(lines) if "cat -" in line)
    assert end - begin > 5
    assert all(line.startswith("\t") and len(line) <= 100 for line in lines[begin:end])
    assert lines[end].endswith(" ) << END")
