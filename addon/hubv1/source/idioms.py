"""The idioms that many scripts copied.

A change is offered only where the parsed lines equal an idiom, apart from literals of
[A-Za-z0-9._/:-] and plain variables. The tests run the old lines of each idiom through the bridge,
and the new ones without it.
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
    """A known idiom, with an example."""

    name: str
    old: str
    """The old lines; `{list}` or `{tag}` stands for a URL of v1."""
    differs: str = ""
    """What the new lines do differently, on purpose."""
    jq: str = ""
    """For readers of lists: what jq prints of the sorted names."""
    awk: str = ""
    """For readers of lists: what awk prints for each name; empty if it cannot."""


_NAMES = "print"
_PAIRS = r'print "\"name\": \"" $0 "\""'
COUNT = "count"
"""Means that awk prints the number of names."""

_READERS = r"""
list-sed-tr-awk ~ names ~ [] ~ sed -e 's/[][]//g' -e 's/"//g' -e 's/ //g' | tr '}' '\n' | awk -F: '{print $3}'
list-jq-name ~ names ~ [] ~ jq -r '.[].name'
list-jq-bracket-name ~ names ~ [] ~ jq -r '.[]["name"]'
list-jq-pipe-name ~ names ~ [] ~ jq -r '.[] | .name'
list-jq-map ~ ~ ~ jq 'map(.name)'
list-jq-array ~ ~ ~ jq '[.[].name]'
list-jq-contains ~ ~ [] | select(contains($s)) ~ jq -r --arg s $WORD '.[] | select(.name | contains($s)) | .name'
list-jq-without-latest ~ ~ [] | select(. != "latest") ~ jq -r '.[] | select(.name != "latest") | .name'
list-jq-count ~ ~  | length ~ jq length
list-jq-count-of ~ ~  | length ~ jq '. | length'
list-jq-last ~ ~ [-1] ~ jq -r '.[-1].name'
list-jq-first ~ ~ [0] ~ jq -r '.[0].name'
list-jq-lines ~ names ~ [] ~ jq . | grep name | awk '{print $2}' | sed -e 's/"//g'
list-grep-cut ~ names ~ [] ~ grep -o '"name": "[^"]*' | cut -d '"' -f 4
list-grep-cut-whole ~ names ~ [] ~ grep -o '"name": "[^"]*"' | cut -d '"' -f 4
list-grep-awk ~ names ~ [] ~ grep -o '"name": "[^"]*"' | awk -F'"' '{print $4}'
list-grep-grep ~ names ~ [] ~ grep -o '"name": "[^"]*' | grep -o '[^"]*$'
list-grep-perl-cut ~ names ~ [] ~ grep -Po '"name": "(.*?)"' | cut -d '"' -f 4
list-grep-perl-awk ~ names ~ [] ~ grep -Po '"name": "(.*?)"' | awk -F'"' '{print $4}'
list-grep-behind ~ names ~ [] ~ grep -Po '(?<="name": ")[^"]*'
list-grep-pairs ~ pairs ~ [] | "\"name\": \"\(.)\"" ~ grep -Po '"name": "(.*?)"'
list-tr-grep-cut ~ names ~ [] ~ tr ',' '\n' | grep name | cut -d '"' -f 4
list-json-tool ~ names ~ [] ~ python3 -m json.tool | grep name | cut -d '"' -f 4
list-python ~ names ~ [] ~ python3 -c 'import json,sys; print("\n".join(t["name"] for t in json.load(sys.stdin)))'
list-grep-count ~ count ~  | length ~ grep -o '"name"' | wc -l
"""  # noqa: E501  # shell lines are as long as the world writes them
"""Name; what awk prints for each tag; what of the sorted names jq prints; and the shell lines."""

_TESTS = r"""
exists-curl ~ BY_404 ~ if curl -fsSL {tag} > /dev/null; then echo yes; else echo no; fi
exists-wget ~ BY_404 ~ if wget -q --spider {tag}; then echo yes; else echo no; fi
exists-code-200 ~ NOT_404 ~ if [ "$(curl -s -o /dev/null -w '%{http_code}' {tag})" = 200 ]; then echo yes; else echo no; fi
exists-code-404 ~ ~ if [ "$(curl -s -o /dev/null -w '%{http_code}' {tag})" = 404 ]; then echo no; else echo yes; fi
exists-code-in-variable ~ ~ code=$(curl -s -o /dev/null -w '%{http_code}' {tag}); [ "$code" != 404 ] && echo yes
exists-text ~ ~ if [ "$(curl -s {tag})" = "Tag not found" ]; then echo no; else echo yes; fi
exists-text-grep ~ ~ if curl -s {tag} | grep -q 'Tag not found'; then echo no; else echo yes; fi
exists-in-list ~ BY_404 ~ if curl -s {list} | grep -Fq '"name": "'$TAG'"'; then echo yes; else echo no; fi
exists-name-in-list ~ BY_404 ~ if curl -s {list} | grep -q '"'$TAG'"'; then echo yes; else echo no; fi
"""  # noqa: E501  # as above
"""Name, what the new lines do differently, and shell lines."""


_AWK = {"names": _NAMES, "pairs": _PAIRS, "count": COUNT, "": ""}
_DIFFERS = {"BY_404": BY_404, "NOT_404": NOT_404, "": ""}


def _rows(table: str) -> list[list[str]]:
    rows = [line.split("~") for line in table.strip().splitlines()]
    # A leading blank in the part for jq is intended.
    return [[cell.removeprefix(" ").removesuffix(" ") for cell in row] for row in rows]


READERS = tuple(
    Idiom(name, f"curl -s {{list}} | {shell}", LOUD, jq, _AWK[awk])
    for name, awk, jq, shell in _rows(_READERS)
)
"""Idioms that print the names in v1's list, or their number."""

TESTS = tuple(Idiom(name, shell, _DIFFERS[differs]) for name, differs, shell in _rows(_TESTS))
"""Idioms that test whether a tag exists."""
