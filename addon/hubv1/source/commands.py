"""What a command fetches, and what it reads of an answer, however it is written."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from hubv1.source.bash import Command


def words(text: str) -> frozenset[str]:
    """The words of a text, which keeps a long table short."""
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Fetch:
    """A call of curl or wget, or of a program that takes options like theirs."""

    tool: str
    flags: frozenset[str]
    """Options without a value, by their short names in curl."""
    method: str
    output: str
    """Where the body goes: `-`, or a file; empty for one that is named after the URL."""
    write_out: str
    kept: tuple[str, ...]
    """Options that a replacement needs too."""
    is_plain: bool
    """Whether it gets one URL, and does nothing that a replacement would lose."""

    @property
    def is_discarded(self) -> bool:
        """Whether nobody sees the body."""
        return self.output == "/dev/null" or self.method == "HEAD"


class _Tool(NamedTuple):
    """How a program reads its arguments."""

    names: Mapping[str, str]
    """The short name in curl for each option with another name; empty if it changes nothing."""
    valued: str
    """Short names of options with a value."""
    harmless: frozenset[str]
    """Flags that a replacement can do without."""
    kept: frozenset[str]
    output: str
    """Where the body goes unless an option says otherwise."""


_TOOLS = {
    "curl": _Tool(
        {
            "--silent": "s", "--show-error": "S", "--fail": "f", "--location": "L", "--head": "I",
            "--compressed": "", "--ipv4": "4", "--ipv6": "6", "--get": "G", "--output": "o",
            "--write-out": "w", "--request": "X", "--form": "F", "--json": "d",
            **dict.fromkeys(words("--data --data-raw --data-binary --data-urlencode"), "d"),
        },
        "AbcCdDeEFhHKmoPQrtTuUwxXyYz",
        frozenset("sSfLlgI46"),
        words("--retry --retry-delay --max-time --connect-timeout -m"),
        "-",
    ),
    "wget": _Tool(
        {
            "-q": "s", "--quiet": "s", "-nv": "", "--no-verbose": "", "--spider": "I", "-O": "o",
            "--output-document": "o", "--method": "X", "--post-data": "d", "--post-file": "d",
        },
        "O",
        frozenset("sI"),
        words("--tries --timeout --connect-timeout"),
        "",
    ),
}  # fmt: skip
_VALUED = frozenset(_TOOLS["curl"].valued)
_REPLACED = frozenset("owX")
"""Options with a value that a replacement takes into account."""


def read_fetch(command: Command) -> Fetch:
    """What a command fetches, and where to."""
    name = "wget" if "wget" in {command.name, *command.arguments} else "curl"
    tool, flags, values = _TOOLS[name], set[str](), dict[str, str]()
    kept, operands = list[str](), list[str]()
    arguments = iter(command.arguments)
    for word in arguments:
        option, equals, value = word.partition("=")
        short = tool.names.get(option)
        if option in tool.kept:
            kept += [word] if equals else [word, next(arguments, "")]
            continue
        if short is None and re.match(r"-\w", word):
            end = next((at for at, each in enumerate(word) if each in tool.valued), len(word))
            flags |= {tool.names.get(f"-{each}", each) for each in word[1:end]}
            if end == len(word):
                continue
            short = tool.names.get(f"-{word[end]}", word[end])
            equals = value = word[end + 1 :]
        if short is None:
            operands.append(word)
        elif short in _VALUED:
            values[short] = value if equals else next(arguments, "")
        else:
            flags |= {*short}
    output = values.get("o", "" if "O" in flags else tool.output)
    if command.is_silent or (name == "wget" and "I" in flags):
        output = "/dev/null"
    is_plain = command.name == name and len(operands) == 1 and flags <= tool.harmless
    is_plain &= values.keys() <= _REPLACED and values.get("X", "GET") == "GET"
    is_plain &= all(re.fullmatch(r"[\w.:/=-]+", each) for each in kept)
    method = _method(command.name, flags, values, operands)
    write_out = values.get("w", "")
    return Fetch(name, frozenset(flags), method, output, write_out, tuple(kept), is_plain)


def canonical(command: Command) -> tuple[str, ...]:
    """A command in a form that is the same however it is written: its name, flags, other words."""
    name, given = command.name, [*command.arguments]
    name = re.sub(r"^python[23]?$", "python3", re.sub(r"^[gm]awk$", "awk", name))
    if name in {"fgrep", "egrep"}:
        given.insert(0, "-F" if name == "fgrep" else "-E")
        name = "grep"
    if name in {"grep", "jq"}:
        given = [flag for each in given for flag in _split_flags(each, name)]
        flags = sorted(each for each in given if re.fullmatch(r"-\w", each))
        given = flags + [each for each in given if not re.fullmatch(r"-\w", each)]
    if name in {"cut", "awk"}:
        options = "df" if name == "cut" else "F"
        given = re.sub(rf"(-[{options}])\n", r"\1", "\n".join(given)).split("\n")
    if name == "sed" and given[:1] != ["-e"] and len(given) == 1:
        given = ["-e", *given]
    if name in {"jq", "awk"}:
        given = [re.sub(r"\s+", "", each) for each in given]
    if name == "python3":
        given = [re.sub(r"\s*([,;])\s*|\s+", r"\1", each).replace("'", '"') for each in given]
    return name, *given


def _split_flags(word: str, name: str) -> list[str]:
    short = {
        "--raw-output": "-r", "--only-matching": "-o", "--count": "-c", "--quiet": "-q",
        "--silent": "-q",
    }  # fmt: skip
    word = short.get(word, word)
    is_several = name == "grep" and re.fullmatch(r"-[A-Za-z]{2,}", word)
    return [f"-{each}" for each in word[1:]] if is_several else [word]


def _method(name: str, flags: set[str], values: Mapping[str, str], operands: list[str]) -> str:
    if "X" in values:
        return values["X"].upper()
    if name in {"http", "https", "xh"} and operands and operands[0].isupper():
        return operands[0]
    if "I" in flags:
        return "HEAD"
    return "POST" if values.keys() & {"d", "F"} and "G" not in flags else "GET"
