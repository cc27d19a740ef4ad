"""Shell, parsed: the commands of a piece, what goes into them and where their output goes."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import tree_sitter_bash
from tree_sitter import Language, Node, Parser, Tree

from hubv1.source.embedded import Piece
from hubv1.source.expressions import HOLE, Part

_PARSER = Parser(Language(tree_sitter_bash.language()))
_VARIABLES = {"simple_expansion", "expansion"}
_OPAQUE = {"command_substitution", "process_substitution", "arithmetic_expansion"}
_ARGUMENTS = {
    "word", "string", "raw_string", "concatenation", "number", "ansi_c_string", "translated_string",
    *_VARIABLES, *_OPAQUE,
}  # fmt: skip
_MOST_PASSES = 20
"""Over a script until each line ends where it does; no more are worth their time."""
_LOOPS = {"while_statement", "until_statement"}


@dataclass(frozen=True, slots=True)
class Atom:
    """A part of a word: a literal with its quotes undone, or what is put in there."""

    part: Part
    start: int
    end: int
    is_plain: bool = False
    """Whether it is a variable and nothing more."""


@dataclass(frozen=True, slots=True)
class Command:
    """A simple command."""

    node: Node
    name: str
    words: tuple[tuple[Atom, ...], ...]
    """Its arguments."""
    redirects: tuple[str, ...] = ()

    @property
    def arguments(self) -> tuple[str, ...]:
        """The words as texts, with HOLE for what is put in."""
        return tuple(map(text_of, self.words))

    @property
    def is_silent(self) -> bool:
        """Whether its output is thrown away."""
        return any(re.match(r"1?>>?\s*/dev/null|&>+\s*/dev/null", each) for each in self.redirects)


@dataclass(slots=True)
class Stage:
    """A command, and where it stands."""

    command: Command
    after: list[Command | None] = field(default_factory=list)
    """What reads its output, one after the other; None for what is no simple command."""
    is_first: bool = True
    start: int = 0
    end: int = 0
    """Of all these, with the redirections of a command that is alone."""
    parent: Node | None = None
    """What these are a part of."""
    is_leftmost: bool = True
    """Whether nothing is before them in a list of && and ||, nor a `!`."""
    function: bool = False
    """Whether they are in a function, and in no subshell of it."""
    captured_by: str = ""
    """The variable that the output goes to."""
    compared: tuple[str, str] | None = None
    """The operator and the text that the output is compared to."""
    comparison: Node | None = None
    is_condition: bool = False
    is_loop: bool = False
    is_captured: bool = False
    is_tested: bool = False
    """Whether the output is put into a test."""
    is_in_string: bool = False
    """Whether these are in backquotes in a string, where quotes mean something else."""


class Script:
    """A piece of shell, parsed."""

    def __init__(self, piece: Piece) -> None:
        """Parse it; what is no shell gives what can be made of it."""
        self.piece = piece
        self.text = piece.text
        self._tree = _parsed(piece.text)
        self._readers: defaultdict[str, list[Node]] | None = None
        """The commands that each variable is put into."""
        self.comments: list[tuple[int, int]] = []
        self.commands: list[Node] = []
        for node in _all(self._tree.root_node):
            if node.type == "comment":
                self.comments.append((node.start_byte, node.end_byte))
            elif node.type == "command":
                self.commands.append(node)

    def command(self, node: Node, redirects: Sequence[str] = ()) -> Command:
        """A node of a command, read."""
        name = node.child_by_field_name("name")
        words = [self.atoms(each) for each in node.children if each.type in _ARGUMENTS]
        inner = [self.text_at(each) for each in node.children if each.type.endswith("redirect")]
        text = text_of(self.atoms(name.children[0])) if name and name.children else ""
        return Command(node, text, tuple(words), (*inner, *redirects))

    def stage(self, node: Node) -> Stage:
        """Where a command stands."""
        around, redirects, end = self._redirected(node)
        found = Stage(self.command(node, redirects), start=node.start_byte, end=end)
        parent = around.parent
        if parent is not None and parent.type == "pipeline":
            stages = _stages(parent)
            # Nodes of a tree are made anew each time they are asked for.
            number = [each.id for each in stages].index(around.id)
            found.is_first = number == 0
            found.after = [self._simple(each) for each in stages[number + 1 :]]
            found.is_condition = parent.children[-1].type == "list"
            found.end = stages[-1].end_byte
            around, redirects, _ = self._redirected(parent)
            if redirects and found.after and (last := found.after[-1]) is not None:
                found.after[-1] = replace(last, redirects=(*last.redirects, *redirects))
        self._look_around(found, around)
        return found

    def atoms(self, node: Node) -> tuple[Atom, ...]:
        """A word, read."""
        start, end = node.start_byte, node.end_byte
        text = self.text[start:end]
        if node.type in _VARIABLES:
            return (_variable(text, start, end),)
        if node.type in {"string", "translated_string"}:
            return tuple(self._in_quotes(node))
        if node.type in {"concatenation", "command_name"}:
            return tuple(atom for each in node.children for atom in self.atoms(each))
        part = Part(re.sub(r"\\(.)", r"\1", text))
        if node.type in _OPAQUE:
            part = Part(text, "")
        elif node.type == "raw_string":
            part = Part(text[1:-1])
        elif node.type == "ansi_c_string":
            part = Part(text[2:-1].replace("\\n", "\n").replace("\\t", "\t"))
        return (Atom(part, start, end),)

    def text_at(self, node: Node) -> str:
        """What stands there."""
        return self.text[node.start_byte : node.end_byte]

    def uses(self, name: str) -> Iterator[Stage]:
        """The commands that a variable is put into the arguments or the input of."""
        if self._readers is None:
            self._readers = defaultdict(list)
            for node in self.commands:
                texts = self.text_at(node), *self._redirected(node)[1]
                for read in {*re.findall(r"\$\{?(\w+)", "\n".join(texts))}:
                    self._readers[read].append(node)
        yield from map(self.stage, self._readers.get(name, ()))

    def _in_quotes(self, node: Node) -> Iterator[Atom]:
        at = node.start_byte + self.text_at(node).index('"') + 1
        for child in node.children:
            if child.type in _VARIABLES or child.type in _OPAQUE:
                if child.start_byte > at:
                    yield self._quoted_literal(at, child.start_byte)
                yield from self.atoms(child)
                at = child.end_byte
        if node.end_byte - 1 > at:
            yield self._quoted_literal(at, node.end_byte - 1)

    def _quoted_literal(self, start: int, end: int) -> Atom:
        text = re.sub(r"\\([$`\"\\])|\\\n", r"\1", self.text[start:end])
        return Atom(Part(text), start, end)

    def _redirected(self, node: Node) -> tuple[Node, list[str], int]:
        """The statement around with its redirections, these as texts, and where they end."""
        redirects: list[str] = []
        statement, end, parent = node, node.end_byte, node.parent
        while parent is not None:
            if parent.type == "redirected_statement" and parent.children[0].id == node.id:
                redirects += [self.text_at(each) for each in parent.children[1:]]
                end = parent.end_byte
                statement = parent if statement.id == node.id else statement
            # The grammar has what redirects the last command of a list redirect all of it.
            elif parent.type not in {"negated_command", "list"} or (
                parent.children[-1].id != node.id
            ):
                break
            node, parent = parent, parent.parent
        return statement, redirects, end

    def _simple(self, node: Node) -> Command | None:
        redirects: list[str] = []
        while node.type == "redirected_statement" and node.children:
            redirects += [self.text_at(each) for each in node.children[1:]]
            node = node.children[0]
        return self.command(node, redirects) if node.type == "command" else None

    def _look_around(self, found: Stage, node: Node) -> None:
        """See what becomes of the output and of the exit status."""
        parent = found.parent = node.parent
        while parent is not None and parent.type not in {"command", "subshell"}:
            kind = parent.type
            if kind == "function_definition":
                found.function = not found.is_captured
                return
            if kind == "command_substitution":
                found.is_captured = True
                found.is_in_string |= parent.children[0].type == "`" and _is_in_string(parent)
            elif found.is_captured:
                if self._captures(found, parent):
                    return
            elif kind in {"list", "negated_command"}:
                found.is_condition = True
                found.is_leftmost &= parent.children[0].id == node.id
            elif kind in {"if_statement", "elif_clause", *_LOOPS} and _is_condition(node, parent):
                found.is_condition = True
                found.is_loop |= kind in _LOOPS
            node, parent = parent, parent.parent

    def _captures(self, found: Stage, node: Node) -> bool:
        """See where output goes that is put in; whether it is known then."""
        found.is_tested |= node.type == "test_command"
        if node.type == "binary_expression":
            self._compare(found, node)
        if node.type != "variable_assignment":
            return False
        name = node.child_by_field_name("name")
        found.captured_by = self.text_at(name) if name else ""
        return True

    def _compare(self, found: Stage, comparison: Node) -> None:
        operator = next((each for each in comparison.children[1:-1]), None)
        right = comparison.children[-1]
        if operator is not None and found.comparison is None:
            text = text_of(self.atoms(right))
            found.compared = self.text_at(operator), text
            found.comparison = comparison


def _parsed(text: str) -> Tree:
    """The tree of a script, in which everything stands where it stands in the text."""
    # In `$2 > file` the grammar takes the 2 for a descriptor, so it gets letters to see.
    seen = bytearray(re.sub(r"\$\d", "$x", text).encode("latin-1", "replace"))
    tree = _PARSER.parse(bytes(seen))
    for _ in range(_MOST_PASSES if text.count("|") > 1 else 0):
        overlooked = [*_overlooked_ends(tree.root_node, seen)]
        if not overlooked:
            break
        for at in overlooked:
            seen[at : at + 1] = b";"
        tree = _PARSER.parse(bytes(seen))
    return tree


def _overlooked_ends(root: Node, text: bytearray) -> Iterator[int]:
    """Ends of lines that the grammar takes for blanks between arguments, as it does behind three
    commands: `a | b | c`, and `d > file` on the next line."""
    for node in _all(root):
        if node.type == "command":
            for one, two in pairwise(node.children):
                between = text[one.end_byte : two.start_byte]
                if b"\n" in between and not between.strip():
                    yield one.end_byte + between.index(b"\n")


def text_of(word: Sequence[Atom]) -> str:
    """A word as a text, with HOLE for what is put in."""
    return "".join(HOLE if atom.part.name is not None else atom.part.text for atom in word)


def _is_in_string(node: Node) -> bool:
    return node.parent is not None and node.parent.type == "string"


def _all(node: Node) -> Iterator[Node]:
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(node.children)


def _stages(pipeline: Node) -> list[Node]:
    """The commands of a pipeline. The grammar takes `a | b && c` for `a | { b && c; }`."""
    stages = []
    for each in pipeline.children:
        inner = each
        while inner.type == "list":
            inner = inner.children[0]
        if inner.type == "pipeline":
            stages += _stages(inner)
        elif each.is_named and each.type != "comment":
            stages.append(inner)
    return stages


def _variable(text: str, start: int, end: int) -> Atom:
    plain = re.fullmatch(r"\$\{?([A-Za-z_]\w*|\d+)\}?", text)
    if plain is not None:
        return Atom(Part(text, plain[1]), start, end, is_plain=True)
    default = re.fullmatch(r"\$\{(\w+):?[-=](.*)\}", text, re.DOTALL)
    if default is not None:
        return Atom(Part(text, default[1], default[2].strip("\"'")), start, end)
    return Atom(Part(text, ""), start, end)


def _is_condition(node: Node, statement: Node) -> bool:
    """Whether a node is in what a statement tests."""
    if statement.type == "elif_clause":
        then = next((each for each in statement.children if each.type == "then"), None)
        return then is not None and node.end_byte <= then.start_byte
    return any(
        each.start_byte <= node.start_byte and node.end_byte <= each.end_byte
        for each in statement.children_by_field_name("condition")
    )
