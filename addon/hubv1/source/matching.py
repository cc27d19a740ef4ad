"""Whether parsed shell equals an idiom: what is fetched, and what of the answer is read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from hubv1.source.bash import Command, Script, Stage
from hubv1.source.embedded import Piece
from hubv1.source.expressions import HOLE
from hubv1.source.idioms import READERS, Idiom


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


_SHORT = re.compile(r"-([sSfLlgiI46]*)([owX])?(.*)", re.DOTALL)
_VALUES = {"--output": "o", "--write-out": "w", "--request": "X"}
_LONG = {
    "--silent": "s", "--show-error": "S", "--fail": "f", "--location": "L", "--compressed": "",
    "--head": "I", "--ipv4": "", "--ipv6": "", "--quiet": "s", "--no-verbose": "S", "--spider": "I",
}  # fmt: skip
_KEPT = {
    "--retry", "--retry-delay", "--max-time", "--connect-timeout", "--tries", "--timeout", "-m",
}  # fmt: skip


def fetch_of(command: Command, number: int) -> Fetch | None:
    """What a command fetches, whose word of that number is the URL; None where it does more."""
    if command.name not in {"curl", "wget"}:
        return None
    words = [text for at, text in enumerate(command.arguments) if at != number]
    read = _curl if command.name == "curl" else _wget
    found = read(iter(words))
    if found is None or any(not _is_harmless(each) for each in command.redirects):
        return None
    if command.is_silent:
        found = replace(found, output="/dev/null")
    return found


def _is_harmless(redirect: str) -> bool:
    return bool(re.fullmatch(r"[12&]?>>?\s*/dev/null|2>\s*&1|&>>?\s*/dev/null", redirect))


def _curl(words: Iterator[str]) -> Fetch | None:
    flags, kept, values = set[str](), list[str](), {"X": "GET", "o": "-", "w": ""}
    for word in words:
        short = _SHORT.fullmatch(word)
        if word in _KEPT:
            kept += [word, next(words, "")]
        elif word in _LONG:
            flags.add(_LONG[word])
        elif word in _VALUES:
            values[_VALUES[word]] = next(words, "")
        elif short and word != "-" and (short[2] or not short[3]):
            flags |= {*short[1]}
            if short[2]:
                values[short[2]] = short[3] or next(words, "")
        else:
            return None
    is_clean = all(re.fullmatch(r"[\w.:/-]+", each) for each in kept) and "i" not in flags
    if not is_clean or values["X"] != "GET":
        return None
    return Fetch("curl", frozenset(flags), values["o"], values["w"], tuple(kept))


def _wget(words: Iterator[str]) -> Fetch | None:
    flags, output, kept = set[str](), "", list[str]()
    for word in words:
        name, _, value = word.partition("=")
        if name == "--output-document" and value:
            output = value
        elif word in {"-O", "-qO", "--output-document"}:
            output = next(words, "")
            flags |= {"s"} if word == "-qO" else set()
        elif word in {"-qO-", "-O-", "-q"}:
            output = "-" if "O" in word else output
            flags |= {"s"} if "q" in word else set()
        elif word in {"-qO/dev/null", "-O/dev/null"}:
            output = "/dev/null"
        elif word == "-nv" or word in _LONG:
            flags.add(_LONG.get(word, ""))
        elif name in _KEPT:
            kept.append(word if value else f"{word}={next(words, '')}")
        else:
            return None
    is_clean = all(re.fullmatch(r"[\w.:/=-]+", each) for each in kept)
    output = "/dev/null" if "I" in flags else output
    return Fetch("wget", frozenset(flags), output, "", tuple(kept)) if is_clean and output else None


@cache
def _shape(text: str) -> tuple[tuple[str, ...], ...]:
    """The commands of a pipeline, in a form that is the same however they are written."""
    script = Script(Piece(text, [*range(len(text) + 1)]))
    return tuple(canonical(script.command(node)) for node in script.commands)


def canonical(command: Command) -> tuple[str, ...]:
    """A command in a form that is the same however it is written."""
    name, words = command.name, [*command.arguments]
    name = re.sub(r"^python[23]?$", "python3", re.sub(r"^[gm]awk$", "awk", name))
    if name in {"fgrep", "egrep"}:
        words.insert(0, "-F" if name == "fgrep" else "-E")
        name = "grep"
    if name in {"grep", "jq"}:
        words = [word for each in words for word in _split_flags(each, name)]
        flags = sorted(each for each in words if re.fullmatch(r"-\w", each))
        words = flags + [each for each in words if not re.fullmatch(r"-\w", each)]
    if name == "cut":
        words = re.sub(r"(-[df])\n", r"\1", "\n".join(words)).split("\n")
    if name == "awk":
        words = re.sub(r"(-F)\n", r"\1", "\n".join(words)).split("\n")
    if name == "sed" and words[:1] != ["-e"] and len(words) == 1:
        words = ["-e", *words]
    if name in {"jq", "awk"}:
        words = [re.sub(r"\s+", "", each) for each in words]
    if name == "python3":
        words = [re.sub(r"\s*([,;])\s*|\s+", r"\1", each).replace("'", '"') for each in words]
    return name, *words


def _split_flags(word: str, name: str) -> list[str]:
    word = {"--raw-output": "-r", "--only-matching": "-o", "--quiet": "-q", "--silent": "-q"}.get(
        word, word
    )
    if name == "grep" and re.fullmatch(r"-[A-Za-z]{2,}", word):
        return [f"-{each}" for each in word[1:]]
    return [word]  # fmt: skip


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
