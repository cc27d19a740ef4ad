"""Whether parsed shell equals an idiom that reads v1's list."""

import re
from functools import cache

from hubv1.source.bash import Command, Script, Stage
from hubv1.source.commands import canonical
from hubv1.source.embedded import Piece
from hubv1.source.expressions import HOLE
from hubv1.source.idioms import READERS, Idiom


def reader_of(stage: Stage) -> tuple[Idiom, int] | None:
    """The longest idiom that reads the list, and how many commands it has."""
    matching = [
        (idiom, len(shape)) for idiom in READERS if _fits(shape := _shape(idiom.old), stage)
    ]
    return max(matching, key=lambda found: found[1], default=None)


@cache
def _shape(old: str) -> tuple[tuple[str, ...], ...]:
    """The commands that an idiom's lines pipe the list into, in their canonical form."""
    text = old.partition(" | ")[2]
    script = Script(Piece(text, [*range(len(text) + 1)]))
    return tuple(canonical(script.command(node)) for node in script.commands)


def _fits(shape: tuple[tuple[str, ...], ...], stage: Stage) -> bool:
    commands = [each for each in stage.after[: len(shape)] if each is not None]
    if len(commands) < len(shape):
        return False
    # Only the last command of all may be redirected.
    within = commands if len(stage.after) > len(shape) else commands[:-1]
    return not any(each.redirects for each in within) and all(map(_matches, shape, commands))


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
