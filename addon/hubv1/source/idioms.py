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


_NAMES = "print"
_PAIRS = r'print "\"name\": \"" $0 "\""'
COUNT = "count"
"""In the place of what awk prints for each name: their number."""

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
"""Name, what is not as before, and shell lines."""


_AWK = {"names": _NAMES, "pairs": _PAIRS, "count": COUNT, "": ""}
_DIFFERS = {"BY_404": BY_404, "NOT_404": NOT_404, "": ""}


def _rows(table: str) -> list[list[str]]:
    rows = [line.split("~") for line in table.strip().splitlines()]
    # Where jq's part begins with a blank it is no mistake.
    return [[cell.removeprefix(" ").removesuffix(" ") for cell in row] for row in rows]


READERS = tuple(
    Idiom(name, f"curl -s {{list}} | {shell}", LOUD, jq, _AWK[awk])
    for name, awk, jq, shell in _rows(_READERS)
)
"""What makes names, or their number, of v1's list."""

TESTS = tuple(Idiom(name, shell, _DIFFERS[differs]) for name, differs, shell in _rows(_TESTS))
"""What tells whether a tag is there."""
