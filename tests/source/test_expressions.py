"""URLs are found however a language puts them together; near misses are not."""

# ruff: noqa: E501  # lines of other languages are as long as they are
from pathlib import Path

import pytest

from hubv1.source import Tree, scan_trees

FOUND = {
    "tags.ps1": (2, "$Hub = 'https://index.docker.io/v1/repositories'\nInvoke-WebRequest -Uri \"$Hub/$Image/tags\"\n"),
    "format.ps1": (1, 'irm ("https://index.docker.io/v1/repositories/{0}/tags" -f $name)\n'),
    "Tags.cs": (2, 'const string Hub = "https://registry.hub.docker.com";\nvar u = $"{Hub}/v1/repositories/{n}/tags";\n'),
    "Tags.kt": (2, 'const val HUB = "index.docker.io"\nURL("https://$HUB/v1/repositories/${n}/tags").readText()\n'),
    "Tags.java": (3, 'String H = "registry.hub.docker.com";\nString u(String n) {\n  return "https://" + H + "/v1/repositories/" + n + "/tags";\n'),
    "tags.pl": (2, 'my $hub = "https://index.docker.io/v1";\n$ua->get($hub . "/repositories/" . $n . "/tags");\n'),
    "tags.php": (2, "define('HUB', 'https://index.docker.io/v1/repositories');\nfile_get_contents(HUB . '/' . $n . '/tags');\n"),
    "tags.rb": (2, "HUB = 'https://index.docker.io'.freeze\nURI(\"#{HUB}/v1/repositories/#{n}/tags\")\n"),
    "host.rb": (2, "http = Net::HTTP.new('index.docker.io', 443)\nhttp.get(\"/v1/repositories/#{n}/tags\")\n"),
    "tags.js": (2, "const c = axios.create({ baseURL: 'https://index.docker.io' });\nc.get(`/v1/repositories/${n}/tags`);\n"),
    "later.go": (4, 'url := c.BaseURL + "/v1/repositories/" + n + "/tags"\n\nreq := 1\nhttp.Get(url)\n}\nvar x = Client{BaseURL: "https://index.docker.io"}\n'),
    "split.go": (2, 'const hub = "https://index.docker.io/v1"\nfmt.Sprintf("%s/repositories/%s/tags", hub, n)\n'),
    "default.py": (3, 'import os\nBASE = os.environ.get("HUB", "https://index.docker.io")\nget(BASE + "/v1/repositories/a/b/tags")\n'),
    "joined.py": (2, 'HUB = "https://index.docker.io/v1/"\nget(urljoin(HUB, "repositories/a/b/tags"))\n'),
    "listed.py": (2, 'check_output(["curl", "-s",\n  "https://index.docker.io/v1/repositories/a/b/tags"])\n'),
    "several.py": (3, 'URL = ("https://index.docker.io"\n       "/v1/repositories/a/b/tags")\nget(URL)\n'),
    "named.tf": (4, 'locals {\n  hub = "https://index.docker.io/v1/repositories"\n}\nurl = format("%s/%s/tags", local.hub, var.image)\n'),
    "tags.rs": (1, 'let url = format!("https://index.docker.io/v1/repositories/{n}/tags");\n'),
    "tags.json": (1, '{"url": "https:\\/\\/index.docker.io\\/v1\\/repositories\\/a\\/b\\/tags"}\n'),
    "hub.env": (1, "HUB=https://index.docker.io/v1/repositories\n"),
    "user.sh": (1, 'curl "https://$U:$P@index.docker.io/v1/repositories/a/b/tags"\n'),
    "default.sh": (2, ': "${REG:=https://index.docker.io}"\ncurl "$REG/v1/repositories/$1/tags"\n'),
    "login.js": (1, "fetch('https://hub.docker.com/v2/users/login', { method: 'POST' })\n"),
    "space.js": (1, "fetch('https://hub.docker.com/v2/repositories/library/?page_size=100')\n"),
}  # fmt: skip
MISSED = {
    "registry.py": 'def tags(registry, n):\n    return get(f"{registry}/v1/repositories/{n}/tags")\n',
    "both.py": 'HUB = "https://hub.docker.com"\nget(f"{mirror}/v1/repositories/a/tags")\n',
    "comment.js": "const u = `${host}/v1/repositories/a/tags` // not https://index.docker.io/v1/repositories/a/tags\n",
    "patch.py": 'requests.patch("https://hub.docker.com/v2/repositories/acme/app/", json={})\n',
    "tags.py": 'HUB = "https://hub.docker.com/v2"\nget(f"{HUB}/repositories/acme/app/tags")\n',
    "path.txt": "https://mirror.example.com/index.docker.io/v1/repositories/a/b/tags\n",
}  # fmt: skip


@pytest.mark.parametrize(("name", "line", "text"), [(n, *each) for n, each in FOUND.items()])
def test_a_call_is_found_once_at_its_line(tmp_path: Path, name: str, line: int, text: str) -> None:
    (tmp_path / name).write_text(text)
    found = scan_trees(Tree([tmp_path], [], tmp_path)).findings
    assert [each.line for each in found] == [line]


@pytest.mark.parametrize(("name", "text"), MISSED.items())
def test_what_is_no_call_of_hubs_is_not_found(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert scan_trees(Tree([tmp_path], [], tmp_path)).findings == []


URL = "https://index.docker.io/v1/repositories/a/b/tags"
IN_COMMENTS = {
    "Jenkinsfile": "// sh 'curl -s {url}'\n/* sh 'curl -s {url}' */\nsh 'ls' // sh 'curl -s {url}'\n",
    "a.bat": "REM curl -s {url}\n:: curl -s {url}\n@rem {url}\n",
    "a.ini": "; url = {url}\n",
    "a.el": ";; See {url}\n",
    "a.hs": "{{- See {url} -}}\n",
    "a.adoc": "See {url}.\n",
    "CHANGELOG": "- No longer reads {url}\n",
}


@pytest.mark.parametrize(("name", "text"), IN_COMMENTS.items())
def test_an_address_in_a_comment_or_in_prose_calls_nothing(
    tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text.format(url=URL))
    scan = scan_trees(Tree([tmp_path], [], tmp_path))
    assert (scan.findings, scan.looked.mentions) == ([], text.count("{url}"))


def test_what_a_pipeline_runs_is_found_beside_comments(tmp_path: Path) -> None:
    (tmp_path / "Jenkinsfile").write_text(f"url = 'https://x' // it's\nsh 'curl -s {URL}' // old\n")
    assert [each.line for each in scan_trees(Tree([tmp_path], [], tmp_path)).findings] == [2]


def test_an_address_in_a_message_calls_nothing_and_one_in_what_is_written_or_run_does(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.sh").write_text(
        f'echo "see {URL}"\necho "curl {URL}" >&2\nprintf "%s: see {URL}\\n" "$0"\n'
        f'echo "curl -s {URL}" > job.sh\necho "curl -s {URL}" | sh\necho "has $(curl -s {URL})"\n'
    )
    scan = scan_trees(Tree([tmp_path], [], tmp_path))
    assert [each.line for each in scan.findings] == [4, 5, 6]
    assert scan.looked.mentions == 3


ENDLESS = {
    "or.js": f"x = {'a || ' * 46}f('{URL}')\n",
    "spaces.js": f"const x = '{URL}';\n" + f"{'fetch' * 40}{' ' * 30}( x\n" * 2000,
    "names.py": f"H = '{URL}/'\n" + "".join(f"get(H + v{n})\n" for n in range(1500)) + "x = 1\n" * 400_000,
    "ignored.sh": f"curl -s {URL} # hub-v1: ignore {('a' + ' ' * 1200) * 3}\n",
    "fence.md": "`" * 60_000 + "\n" + "x " * 30_000 + URL,
    "shell.mk": "a = $(shell curl \n" * 20_000 + f"b = {URL}",
    "here.Dockerfile": "RUN <<E\n" * 8_000 + f"curl -s {URL}\n",
    "open.Jenkinsfile": f"sh 'curl -s {URL}'\n{'/*' * 300_000}",
    "quoted.Jenkinsfile": f"sh 'curl -s {URL}'\n\"" + '\\"' * 300_000,
    "commented.Jenkinsfile": f"// sh 'curl -s {URL}'\n" + "// sh ''\n" * 80_000,
    "read.sh": "".join(f"v{n}=$(curl -s {URL}/{n})\n" for n in range(1500)),
}  # fmt: skip


@pytest.mark.timeout(60)  # each is done in a second or so, or would not be done for hours
@pytest.mark.parametrize(("name", "text"), ENDLESS.items())
def test_nothing_in_a_file_makes_a_scan_endless(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    scan = scan_trees(Tree([tmp_path], [], tmp_path))
    assert scan.findings or scan.looked.mentions or scan.looked.ignored


def test_what_groovy_puts_into_a_string_for_a_shell_is_one_part_of_the_url(tmp_path: Path) -> None:
    base = "curl -sf https://index.docker.io/v1/repositories"
    (tmp_path / "Jenkinsfile").write_text(
        f'sh "{base}/acme/app/tags/${{env.TAG}} > /dev/null"\n'
        f'sh "{base}/${{params.ORG.trim()}}/$env.APP/tags/1 > /dev/null"\n'
        f'sh "{base}/acme/app/tags/\\${{TAG}}"\n'
    )
    found = scan_trees(Tree([tmp_path], [], tmp_path)).findings
    assert [each.target.repository for each in found] == ["acme/app", "*/*", "acme/app"]
    assert all(each.target.route.endswith("/tags/{tag_name}") for each in found)


@pytest.mark.parametrize("rest", ["…", "löwe/tags", "acme/löwe"])
def test_a_name_that_hub_does_not_allow_is_none(tmp_path: Path, rest: str) -> None:
    (tmp_path / "a.sh").write_text(f"curl https://index.docker.io/v1/repositories/{rest}\n")
    [finding] = scan_trees(Tree([tmp_path], [], tmp_path)).findings
    assert finding.target.repository == ""


def test_what_xargs_puts_in_is_any_name(tmp_path: Path) -> None:
    (tmp_path / "a.sh").write_text(
        "cat images | xargs -I{} curl https://index.docker.io/v1/repositories/acme/{}/tags\n"
    )
    [finding] = scan_trees(Tree([tmp_path], [], tmp_path)).findings
    assert (finding.target.repository, finding.fix) == ("acme/*", None)
