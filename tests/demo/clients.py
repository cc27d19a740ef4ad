"""Real clients of API v1, as their authors wrote them, and what they print when all is well.

What is expected comes from the stand-in's catalogue, not from the bridge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from standin import Catalog

INDEX = "https://index.docker.io/v1"
REGISTRY = "https://registry.hub.docker.com/v1"
HUB = "https://hub.docker.com/v1"


@dataclass(frozen=True)
class Need:
    """What a client cannot do without."""

    program: str
    """Its name for people."""
    test: str
    """A shell command that succeeds where it is there."""


PYTHON = Need("Python", "true")  # always there: the bridge's own
CURL = Need("curl", "curl --version")
WGET = Need("GNU wget or awk", "wget --version | grep GNU && type sed tr awk")
GREP = Need("curl or grep -P", "curl --version && echo a | grep -P a")
JQ = Need("curl or jq", "curl --version && jq --version")
NODE = Need("curl or node", "curl --version && node --version")
PERL = Need("perl", "perl -MHTTP::Tiny -MJSON::PP -e 1")
RUBY = Need("ruby", "ruby --version")
PHP = Need("php with curl", "php -r 'exit(function_exists(\"curl_init\") ? 0 : 1);'")


@dataclass(frozen=True)
class Client:
    """One client: a shell command with the URL that its author wrote."""

    title: str
    command: str
    expected: str
    """What it prints with v1 alive, without blank lines around."""
    needs: Need = PYTHON
    same_without: bool = False
    """It prints the same without the bridge: by accident, or since Hub serves the call still."""
    is_legacy: bool = True
    """Its call is one of v1's that were retired."""


def all_clients(catalog: Catalog) -> Sequence[Client]:
    """Every client, whether it can be played here or not."""
    return [*_shell(catalog), _search(catalog), *_python(catalog), *_languages(catalog)]


def v1_names(catalog: Catalog, repository: str) -> list[str]:
    """The tags as v1 listed them: latest first, the rest ascending by bytes."""
    names = catalog[repository].shelf.names
    return sorted(names, key=lambda name: (name != "latest", name.encode()))


def _image_count(catalog: Catalog, repository: str) -> int:
    found: set[str | None] = set()
    for tag in catalog[repository].tags():
        found |= {image.digest for image in tag.images} - {None} or {tag.digest}
    return len(found - {None})


def _shell(catalog: Catalog) -> list[Client]:
    nginx = v1_names(catalog, "nginx")
    exists = (
        "docker_tag_exists() {\n"
        f"  curl --silent -f -lSL {INDEX}/repositories/$1/tags/$2 > /dev/null\n"
        "}\n"
    )
    rebuild = "&& echo 'there already' || echo 'missing: build and push'"
    return [
        Client(
            "The most copied shell line",
            f"wget -q {REGISTRY}/repositories/debian/tags -O - | sed -e 's/[][]//g' -e 's/\"//g' "
            "-e 's/ //g' | tr '}' '\\n' | awk -F: '{print $3}'",
            "\n".join(v1_names(catalog, "debian")),
            needs=WGET,
        ),
        Client(
            "grep, which counts on the space after the colon",
            f'curl -s {INDEX}/repositories/alpine/tags | grep -Po \'"name": "(.*?)"\' | tail -n1',
            f'"name": "{v1_names(catalog, "alpine")[-1]}"',
            needs=GREP,
        ),
        Client(
            "The existence check of nightly builds, for a tag that is there",
            f"{exists}docker_tag_exists library/nginx 1.29.0 {rebuild}",
            "there already",
            needs=CURL,
        ),
        Client(
            "The same for a tag that is not: today right by accident",
            f"{exists}docker_tag_exists library/nginx 9.9 {rebuild}",
            "missing: build and push",
            same_without=True,
            needs=CURL,
        ),
        Client(
            "A release script that compares the text of the 404",
            f'[ "$(curl -s {REGISTRY}/repositories/nginx/tags/9.9)" = "Tag not found" ] '
            "&& echo 'name is free' || echo 'name is taken'",
            "name is free",
            needs=CURL,
        ),
        Client(
            "A health check that follows no redirect and wants exactly 200",
            f"curl -s -o /dev/null -w '%{{http_code}}' {HUB}/repositories/library/alpine/tags",
            "200",
            needs=CURL,
        ),
        Client(
            "jq, taking the last of an ascending list for the newest",
            f"curl -sL {REGISTRY}/repositories/nginx/tags | jq -r --arg s 1.28. "
            "'.[] | select(.name | contains($s)) | .name' | tail -n1",
            [name for name in nginx if "1.28." in name][-1],
            needs=JQ,
        ),
        Client(
            "A list far longer than Hub's anonymous pages go: the registry completes it",
            f"curl -s {INDEX}/repositories/php/tags | jq length",
            str(len(v1_names(catalog, "php"))),
            needs=JQ,
        ),
        Client(
            "Counting the images of a repository",
            f"curl -s {INDEX}/repositories/busybox/images | tr ',' '\\n' | grep -c '\"id\": \"'",
            str(_image_count(catalog, "busybox")),
            needs=CURL,
        ),
    ]


def _python(catalog: Catalog) -> list[Client]:
    return [
        Client(
            "Python, reading JSON as Python",
            "python3 -c '\nimport ast, urllib.request\n"
            'url = "http://index.docker.io/v1/repositories/busybox/tags"\n'
            "text = urllib.request.urlopen(url).read().decode()\n"
            'print([tag["name"] for tag in ast.literal_eval(text)][:4])\'',
            str(v1_names(catalog, "busybox")[:4]),
        ),
        Client(
            "Python, taking the text apart by hand",
            "python3 -c '\nimport urllib.request\n"
            f'url = "{REGISTRY}/repositories/hello-world/tags"\n'
            "text = urllib.request.urlopen(url).read().decode()\n"
            'text = text.replace("[", "").replace("}]", "").replace("\\"", "").replace(" ", "")\n'
            'print(*(part.split(":")[2] for part in text.split("}")))\'',
            " ".join(v1_names(catalog, "hello-world")),
        ),
        Client(
            "A web page's $.get(…)[0].name, which goes by the Content-Type, here in Python",
            "python3 -c '\nimport json, urllib.request\n"
            f'answer = urllib.request.urlopen("{INDEX}/repositories/nginx/tags")\n'
            'is_json = answer.headers.get_content_type() == "application/json"\n'
            'print(json.load(answer)[0]["name"] if is_json else answer.read()[0])\'',
            "latest",
        ),
    ]


def _languages(catalog: Catalog) -> list[Client]:
    """Clients in what is not everywhere."""
    debian = str(len(v1_names(catalog, "debian")))
    http = "http://index.docker.io/v1/repositories/debian/tags"
    return [
        Client(
            "Node, counting what curl brought",
            f"curl -s {INDEX}/repositories/debian/tags | node -e '"
            'console.log(JSON.parse(require("fs").readFileSync(0)).map(tag => tag.name).length)\'',
            debian,
            needs=NODE,
        ),
        Client(
            "Perl",
            "perl -MHTTP::Tiny -MJSON::PP -e '"
            f'print scalar @{{decode_json(HTTP::Tiny->new->get("{http}")->{{content}})}}\'',
            debian,
            needs=PERL,
        ),
        Client(
            "Ruby",
            "ruby -r net/http -r json -e '"
            f'puts JSON.parse(Net::HTTP.get(URI("{http}"))).map {{ |tag| tag["name"] }}.size\'',
            debian,
            needs=RUBY,
        ),
        Client(
            "PHP, whose curl follows no redirect",
            "php -r '\n"
            f'$curl = curl_init("{http}");\n'
            "curl_setopt($curl, CURLOPT_RETURNTRANSFER, true);\n"
            "$tags = curl_exec($curl);\n"
            "$status = curl_getinfo($curl, CURLINFO_HTTP_CODE);\n"
            'echo $status == 200 ? count(json_decode($tags)) : "no tags: $status";\'',
            debian,
            needs=PHP,
        ),
    ]


def _search(catalog: Catalog) -> Client:
    found = [one for one in catalog if "nginx" in one.full_name]
    return Client(
        "docker search, which Hub still serves: the bridge lets it pass",
        "python3 -c '\nimport json, urllib.request\n"
        f'answer = urllib.request.urlopen("{INDEX}/search?q=nginx&n=25")\n'
        'print(*(one["name"] for one in json.load(answer)["results"]))\'',
        " ".join(one.name for one in found),
        same_without=True,
        is_legacy=False,
    )
