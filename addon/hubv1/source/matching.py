"""Whether parsed shell equals an idiom: what is fetched, and what of the answer is read."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

from hubv1.source.bash import Command, Script, Stage
from hubv1.source.embedded import Piece
from hubv1.source.expressions import HOLE
from hubv1.source.idioms import READERS, Idiom
from hubv1.source.uses import words


@dataclass(frozen=True, slots=True)
class Fetch:
    """A command that prints the answer of a URL, and does nothing else."""

    tool: str
    flags: frozenset[str]
    output: str
    """Where the body goes: `-`, or a file."""
    write_out: str
    kept: tuple[str, ...]
    """Options that stay."""


class _Tool(NamedTuple):
    """What curl or wget takes and a change can do without or keep."""

    short: re.Pattern[str]
    """Flags in a word, perhaps an option, and the option's value."""
    flags: Mapping[str, str]
    """Long ones, and the letter that stands for each."""
    values: Mapping[str, str]
    """Likewise, of options with a value."""
    kept: frozenset[str]
    """Options with a value that stay."""


_TOOLS = {
    "curl": _Tool(
        re.compile(r"-([sSfLlgiI46]*)([owX])?(.*)", re.DOTALL),
        {
            "--silent": "s", "--show-error": "S", "--fail": "f", "--location": "L", "--head": "I",
            "--compressed": "", "--ipv4": "4", "--ipv6": "6",
        },
        {"--output": "o", "--write-out": "w", "--request": "X"},
        words("--retry --retry-delay --max-time --connect-timeout -m"),
    ),
    "wget": _Tool(
        re.compile(r"-(q?)(O)?(.*)", re.DOTALL),
        {"--quiet": "q", "--no-verbose": "", "-nv": "", "--spider": "I"},
        {"--output-document": "O"},
        words("--tries --timeout --connect-timeout"),
    ),
}  # fmt: skip


def fetch_of(command: Command, number: int) -> Fetch | None:
    """What a command fetches, whose word of that number is the URL; None where it does more."""
    arguments = [text for at, text in enumerate(command.arguments) if at != number]
    found = _fetch(command.name, iter(arguments)) if command.name in _TOOLS else None
    if found is None or not all(map(_is_harmless, command.redirects)):
        return None
    return replace(found, output="/dev/null") if command.is_silent else found


def _is_harmless(redirect: str) -> bool:
    return bool(re.fullmatch(r"[12&]?>>?\s*/dev/null|2>\s*&1|&>>?\s*/dev/null", redirect))


def _fetch(name: str, arguments: Iterator[str]) -> Fetch | None:
    tool, flags, kept = _TOOLS[name], set[str](), list[str]()
    values = {"X": "GET", "o": "-", "O": "", "w": ""}
    for word in arguments:
        long, is_joined, value = word.partition("=")
        short = tool.short.fullmatch(word)
        if long in tool.kept:
            kept += [word] if is_joined else [word, next(arguments, "")]
        elif word in tool.flags:
            flags.add(tool.flags[word])
        elif long in tool.values:
            values[tool.values[long]] = value or next(arguments, "")
        elif short and word != "-" and (short[2] or not short[3]):
            flags |= {*short[1]}
            if short[2]:
                values[short[2]] = short[3] or next(arguments, "")
        else:
            return None
    output = values["o"] if name == "curl" else "/dev/null" if "I" in flags else values["O"]
    is_clean = all(re.fullmatch(r"[\w.:/=-]+", each) for each in kept)
    if not is_clean or not output or "i" in flags or values["X"] != "GET":
        return None
    return Fetch(name, frozenset(flags), output, values["w"], tuple(kept))


@cache
def _shape(text: str) -> tuple[tuple[str, ...], ...]:
    """The commands of a pipeline, in a form that is the same however they are written."""
    script = Script(Piece(text, [*range(len(text) + 1)]))
    return tuple(canonical(script.command(node)) for node in script.commands)


def canonical(command: Command) -> tuple[str, ...]:
    """A command in a form that is the same however it is written."""
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
    short = {"--raw-output": "-r", "--only-matching": "-o", "--quiet": "-q", "--silent": "-q"}
    word = short.get(word, word)
    is_several = name == "grep" and re.fullmatch(r"-[A-Za-z]{2,}", word)
    return [f"-{each}" for each in word[1:]] if is_several else [word]


def reader_of(stage: Stage) -> tuple[Idiom, int] | None:
    """The idiom that reads the list, and how many commands it has; the longest there is."""
    found: tuple[Idiom, int] | None = None
    for idiom in READERS:
        shape = _shape(idiom.old.partition(" | ")[2])
        commands = stage.after[: len(shape)]
        if len(commands) < len(shape) or (found is not None and found[1] >= len(shape)):
            continue
        is_last = len(stage.after) == len(shape)
        if all(
            command is not None
            and _matches(expected, command)
            and (not command.redirects or (is_last and number == len(shape) - 1))
            for number, (expected, command) in enumerate(zip(shape, commands, strict=True))
        ):
            found = idiom, len(shape)
    return found


def _matches(expected: tuple[str, ...], command: Command) -> bool:
    actual = canonical(command)
    if expected[0] == "jq":
        expected, actual = (
            tuple(each for each in words if each != "-r") for words in (expected, actual)
        )
    plain = all(
        atom.is_plain for word in command.words for atom in word if atom.part.name is not None
    )
    return plain and len(expected) == len(actual) and all(
        re.fullmatch(re.escape(one).replace(HOLE, r"[\w./:\ue000-]+"), other)
        for one, other in zip(expected, actual, strict=True)
    )  # fmt: skip
