"""What real clients do with the bytes of v1, each with the line that its author wrote."""

import json

import pytest

from e2e.bridges import Mitmdump
from e2e.clients import ask, behind, clean_environment, curl, output, shell, tool
from standin import Standin

V1 = "https://registry.hub.docker.com/v1/repositories"
IN_ORDER = ["latest", "1", "10", "2", "Beta"]
TINY = (
    b'[{"layer": "", "name": "latest"}, {"layer": "", "name": "1"}, {"layer": "", "name": "10"}, '
    b'{"layer": "", "name": "2"}, {"layer": "", "name": "Beta"}]'
)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_most_copied_shell_line_prints_the_names(bridge: Mitmdump, scheme: str) -> None:
    line = (
        f"wget -q {scheme}://registry.hub.docker.com/v1/repositories/tiny/tags -O - "
        "| sed -e 's/[][]//g' -e 's/\"//g' -e 's/ //g' | tr '}' '\\n' | awk -F: '{print $3}'"
    )
    assert output(line, behind(bridge)).split() == IN_ORDER


def test_grep_finds_each_name_after_a_space(bridge: Mitmdump) -> None:
    line = f"""curl -sS {V1}/tiny/tags | grep -Po '"name": "(.*?)"'"""
    assert output(line, behind(bridge)).splitlines() == [f'"name": "{each}"' for each in IN_ORDER]


@pytest.mark.parametrize(("tag", "says"), [("1.0", "there"), ("9.9", "missing")])
def test_the_existence_check_tells_a_present_tag_from_a_missing_one(
    bridge: Mitmdump, tag: str, says: str
) -> None:
    check = f"curl --silent -f -lSL https://index.docker.io/v1/repositories/acme/tool/tags/{tag}"
    done = shell(f"if {check} > /dev/null; then echo there; else echo missing; fi", behind(bridge))
    assert done.stdout.decode().strip() == says


def test_jq_takes_the_last_of_the_names_that_contain_a_text(bridge: Mitmdump, hub: Standin) -> None:
    chosen = "jq -r --arg s trixie '.[] | select(.name | contains($s)) | .name' | tail -n1"
    names = [tag.name for tag in hub.catalog["library/debian"].tags() if "trixie" in tag.name]
    assert output(f"curl -sS {V1}/debian/tags | {chosen}", behind(bridge)).strip() == names[-1]


def test_no_docker_token_is_invented_for_a_client_that_asks_for_one(bridge: Mitmdump) -> None:
    line = f"curl -sS --http1.1 -o /dev/null -D - -H 'X-Docker-Token: true' {V1}/tiny/images"
    heads = output(f"{line} | tr -d '\\r'", behind(bridge)).lower()
    assert " 200 " in heads
    assert "x-docker" not in heads


def test_headers_keep_the_case_that_awk_compares_on_http_1(bridge: Mitmdump) -> None:
    line = f"curl -sS --http1.1 -o /dev/null -D - {V1}/tiny/tags | tr -d '\\r'"
    wanted = "awk -F ': *' '$1 == \"Content-Type\" {print $2}'"
    assert output(f"{line} | {wanted}", behind(bridge)).split() == ["application/json"]


@pytest.mark.parametrize(
    "reading",
    [
        "import ast; tags = ast.literal_eval(text)",
        "tags = eval(text)",
        "import json; tags = json.loads(text)",
    ],
)
@pytest.mark.parametrize("what", ["tiny/tags", "acme/tool/tags/1.0", "debian/images"])
def test_python_reads_each_answer_as_a_literal(bridge: Mitmdump, reading: str, what: str) -> None:
    program = (
        "import sys, json as j; from urllib.request import urlopen\n"
        f"text = urlopen(sys.argv[1]).read().decode()\n{reading}\nprint(j.dumps(tags))"
    )
    line = f"python3 -c '{program}' http://registry.hub.docker.com/v1/repositories/{what}"
    read = json.loads(output(line, behind(bridge)))
    assert read
    assert {type(value) for each in read for value in each.values()} <= {str, int}


def test_pythons_split_chain_prints_the_names(bridge: Mitmdump) -> None:
    program = """
import sys
from urllib.request import urlopen
text = urlopen(sys.argv[1]).read().decode()
text = text.replace("}]", "").replace("[{", "").replace("{", "").replace(chr(34), "")
print(" ".join(each.split(":")[2].strip().rstrip(",") for each in text.split("}")))
"""
    line = f"python3 -c '{program}' http://index.docker.io/v1/repositories/tiny/tags"
    assert output(line, behind(bridge)).split() == IN_ORDER


def test_a_client_that_follows_no_redirect_gets_exactly_200(bridge: Mitmdump) -> None:
    wrote = curl(
        bridge, "--max-redirs", "0", "-o", "/dev/null", "-w", "%{http_code}", f"{V1}/tiny/tags"
    )
    assert wrote == "200"


def test_node_gets_a_list_of_objects_with_name_and_layer(reverse_bridge: Mitmdump) -> None:
    program = (
        "fetch(process.argv[1]).then(r => r.json()).then(tags => console.log("
        "Array.isArray(tags), tags.every(t => t.layer === ''), tags.map(t => t.name).join()))"
    )
    done = shell(
        f'{tool("node")} -e "{program}" {reverse_bridge.url}/v1/repositories/tiny/tags',
        clean_environment(reverse_bridge.confdir),
    )
    assert done.stdout.decode().strip() == f"true true {','.join(IN_ORDER)}", done


def test_perl_finds_the_names_without_a_parser(bridge: Mitmdump) -> None:
    line = f"""curl -sS {V1}/tiny/tags | perl -ne 'print "$1\\n" while /"name": "([^"]+)"/g'"""
    assert output(line, behind(bridge)).split() == IN_ORDER


def test_the_text_for_an_unknown_tag_is_the_one_that_scripts_compare(bridge: Mitmdump) -> None:
    line = f'[ "$(curl -s {V1}/acme/tool/tags/9.9)" = "Tag not found" ] && echo same'
    assert output(line, behind(bridge)).strip() == "same"
    line = f"curl -s {V1}/acme/tool/tags/9.9 | cmp - <(printf 'Tag not found')"
    assert shell(line, behind(bridge)).returncode == 0


def test_cmp_finds_no_byte_that_differs(bridge: Mitmdump) -> None:
    (bridge.confdir / "expected").write_bytes(TINY)
    line = f"curl -sS {V1}/tiny/tags | cmp - {bridge.confdir / 'expected'}"
    done = shell(line, behind(bridge))
    assert done.returncode == 0, done


def test_all_of_a_repository_of_many_pages_is_there_byte_for_byte(
    bridge: Mitmdump, hub: Standin
) -> None:
    names = sorted((tag.name for tag in hub.catalog["library/nginx"].tags()), key=str.encode)
    names.sort(key=lambda name: name != "latest")
    expected = json.dumps([{"layer": "", "name": name} for name in names])
    assert len(names) == 640
    assert curl(bridge, f"{V1}/nginx/tags") == expected


def test_a_repository_without_tags_is_an_empty_list(bridge: Mitmdump) -> None:
    assert curl(bridge, f"{V1}/untagged/tags") == "[]"


def test_one_tag_is_a_list_of_its_v2_id_and_the_start_of_its_digest(
    bridge: Mitmdump, hub: Standin
) -> None:
    tag = hub.catalog["acme/tool"].tag("1.0")
    assert tag
    assert tag.digest
    expected = f'[{{"pk": {tag.id}, "id": "{tag.digest[7:15]}"}}]'
    assert curl(bridge, f"{V1}/acme/tool/tags/1.0") == expected


@pytest.mark.parametrize(
    ("what", "status", "content_type", "body"),
    [
        ("tiny/tags", 200, "application/json", TINY),
        ("tiny/tags/9", 404, "text/plain; charset=utf-8", b"Tag not found"),
        ("nobody/here/tags", 404, "application/json", b'{"error": "Repository not found"}'),
    ],
)
def test_each_answer_has_its_status_type_and_length(
    bridge: Mitmdump, what: str, status: int, content_type: str, body: bytes
) -> None:
    answer = ask(bridge, f"http://hub.docker.com/v1/repositories/{what}")
    assert (answer.status, answer.body) == (status, body)
    assert answer.headers["content-type"] == content_type
    assert answer.headers["content-length"] == str(len(body))
    assert answer.headers["vary"] == "Cookie"
    assert "content-encoding" not in answer.headers
