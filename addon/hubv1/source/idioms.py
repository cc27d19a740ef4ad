"""The idioms that the world copied.

A change is offered where the parsed lines equal an idiom up to literals of [A-Za-z0-9._/:-] and
plain variables, and nowhere else; the tests run each idiom's old lines by way of the bridge and its
new ones without it.
"""

from dataclasses import dataclass

LOUD = (
    "Where the list cannot be had (no such repository, 429, Docker Hub is down) the new lines fail "
    "and print nothing; what the old ones printed then was an accident, and often they succeeded."
)
BY_404 = (
    "Where Docker Hub gives no answer (429, 5xx, no connection) the script ends; before, the tag "
    "counted as missing."
)
NOT_404 = (
    "Where Docker Hub gives no answer (429, 5xx, no connection) the tag does not count as missing; "
    "before, it did."
)


@dataclass(frozen=True, slots=True)
class Idiom:
    """One that is known, with an example."""

    name: str
    old: str
    """With an address of v1's in the place of `{list}` or `{tag}`."""
    differs: str = ""
    """What is not as before, where that is on purpose."""
    jq: str = ""
    """What of the sorted names jq prints; for readers of lists."""
    awk: str = ""
    """What awk prints for each name, likewise; empty where it cannot."""


_SED = """sed -e 's/[][]//g' -e 's/"//g' -e 's/ //g' | tr '}' '\\n' | awk -F: '{print $3}'"""
_NAME, _LINE = "print", 'print "\\"name\\": \\"" $0 "\\""'
_PYTHON = (
    'python3 -c \'import json,sys; print("\\n".join(t["name"] for t in json.load(sys.stdin)))\''
)
READERS = tuple(
    Idiom(name, f"curl -s {{list}} | {reader}", LOUD, jq, awk)
    for name, reader, jq, awk in (
        ("list-sed-tr-awk", _SED, "[]", _NAME),
        ("list-jq-name", "jq -r '.[].name'", "[]", _NAME),
        ("list-jq-bracket-name", "jq -r '.[][\"name\"]'", "[]", _NAME),
        ("list-jq-pipe-name", "jq -r '.[] | .name'", "[]", _NAME),
        ("list-jq-map", "jq 'map(.name)'", "", ""),
        ("list-jq-array", "jq '[.[].name]'", "", ""),
        (
            "list-jq-contains",
            "jq -r --arg s $WORD '.[] | select(.name | contains($s)) | .name'",
            "[] | select(contains($s))",
            "",
        ),
        (
            "list-jq-without-latest",
            "jq -r '.[] | select(.name != \"latest\") | .name'",
            '[] | select(. != "latest")',
            "",
        ),
        ("list-jq-count", "jq length", " | length", ""),
        ("list-jq-count-of", "jq '. | length'", " | length", ""),
        ("list-jq-last", "jq -r '.[-1].name'", "[-1]", ""),
        ("list-jq-first", "jq -r '.[0].name'", "[0]", ""),
        (
            "list-jq-lines",
            "jq . | grep name | awk '{print $2}' | sed -e 's/\"//g'",
            "[]",
            _NAME,
        ),
        ("list-grep-cut", "grep -o '\"name\": \"[^\"]*' | cut -d '\"' -f 4", "[]", _NAME),
        ("list-grep-cut-whole", "grep -o '\"name\": \"[^\"]*\"' | cut -d '\"' -f 4", "[]", _NAME),
        (
            "list-grep-awk",
            "grep -o '\"name\": \"[^\"]*\"' | awk -F'\"' '{print $4}'",
            "[]",
            _NAME,
        ),
        ("list-grep-grep", "grep -o '\"name\": \"[^\"]*' | grep -o '[^\"]*$'", "[]", _NAME),
        ("list-grep-perl-cut", "grep -Po '\"name\": \"(.*?)\"' | cut -d '\"' -f 4", "[]", _NAME),
        (
            "list-grep-perl-awk",
            "grep -Po '\"name\": \"(.*?)\"' | awk -F'\"' '{print $4}'",
            "[]",
            _NAME,
        ),
        ("list-grep-behind", "grep -Po '(?<=\"name\": \")[^\"]*'", "[]", _NAME),
        ("list-grep-pairs", "grep -Po '\"name\": \"(.*?)\"'", '[] | "\\"name\\": \\"\\(.)\\""', _LINE),
        ("list-tr-grep-cut", "tr ',' '\\n' | grep name | cut -d '\"' -f 4", "[]", _NAME),
        (
            "list-json-tool",
            "python3 -m json.tool | grep name | cut -d '\"' -f 4",
            "[]",
            _NAME,
        ),
        ("list-python", _PYTHON, "[]", _NAME),
        ("list-grep-count", "grep -o '\"name\"' | wc -l", " | length", "COUNT"),
    )
)  # fmt: skip
"""What makes names of v1's list, one a line."""

_STATUS = "curl -s -o /dev/null -w '%{http_code}' {tag}"
TESTS = (
    Idiom("exists-curl", "if curl -fsSL {tag} > /dev/null; then echo yes; else echo no; fi", BY_404),
    Idiom("exists-wget", "if wget -q --spider {tag}; then echo yes; else echo no; fi", BY_404),
    Idiom("exists-code-200", f'if [ "$({_STATUS})" = 200 ]; then echo yes; else echo no; fi', NOT_404),
    Idiom("exists-code-404", f'if [ "$({_STATUS})" = 404 ]; then echo no; else echo yes; fi'),
    Idiom("exists-code-in-variable", f'code=$({_STATUS})\n[ "$code" != 404 ] && echo yes'),
    Idiom("exists-text", 'if [ "$(curl -s {tag})" = "Tag not found" ]; then echo no; else echo yes; fi'),
    Idiom("exists-text-grep", "if curl -s {tag} | grep -q 'Tag not found'; then echo no; else echo yes; fi"),
    Idiom(
        "exists-in-list",
        "if curl -s {list} | grep -Fq '\"name\": \"'$TAG'\"'; then echo yes; else echo no; fi",
        BY_404,
    ),
    Idiom(
        "exists-name-in-list",
        "if curl -s {list} | grep -q '\"'$TAG'\"'; then echo yes; else echo no; fi",
        BY_404,
    ),
)  # fmt: skip
