"""Parsed shell: the commands of a piece, their input, and where their output goes."""

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
"""The most times that a script is parsed until each line ends where it should."""
_LOOPS = {"while_statement", "until_statement"}
_DEEPEST = 500
"""Nodes around a command that are examined, more than a person nests."""


@dataclass(frozen=True, slots=True)
class Atom:
    """A part of a word: a literal without its quotes, or an expansion."""

    part: Part
    start: int
    end: int
    is_plain: bool = False
    """Whether it is a plain variable."""


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
        """The words as texts, with HOLE for expansions."""
        return tuple(map(text_of, self.words))

    @property
    def is_silent(self) -> bool:
        """Whether its output goes to /dev/null."""
        return any(re.match(r"1?>>?\s*/dev/null|&>+\s*/dev/null", each) for each in self.redirects)


@dataclass(slots=True)
class Stage:
    """A command and its context."""

    command: Command
    after: list[Command | None] = field(default_factory=list)
    """The rest of its pipeline; None for each part that is no simple command."""
    is_first: bool = True
    start: int = 0
    end: int = 0
    """The end of the pipeline, or of a single command with its redirections."""
    parent: Node | None = None
    """The node around the pipeline."""
    is_leftmost: bool = True
    """Whether it comes first in a list of && and ||, without a `!`."""
    function: bool = False
    """Whether it is in a function, and in no subshell there."""
    captured_by: str = ""
    """The variable that the output is assigned to."""
    compared: tuple[str, str] | None = None
    """The operator and the text that the output is compared with."""
    comparison: Node | None = None
    is_condition: bool = False
    is_loop: bool = False
    is_captured: bool = False
    is_tested: bool = False
    """Whether the output is part of a test."""
    is_too_deep: bool = False
    """Whether there is more around it than was examined."""
    is_in_string: bool = False
    """Whether it is in backquotes within a string, where quotes have another meaning."""


class Script:
    """A piece of shell, parsed."""

    def __init__(self, piece: Piece) -> None:
        """Parse the piece; the parser makes the best of errors."""
        self.piece = piece
        self.text = piece.text
        self._tree = _parse(piece.text)
        self._readers: defaultdict[str, list[Node]] | None = None
        """The commands that use each variable."""
        self._parents: dict[int, Node] = {}
        """The parent of each node with children: the parser would search it from the root."""
        self.comments: list[tuple[int, int]] = []
        self.commands: list[Node] = []
        waiting = [self._tree.root_node]
        while waiting:
            node = waiting.pop()
            children = node.children
            waiting += reversed(children)
            for child in children:
                if child.child_count:
                    self._parents[child.id] = node
            if node.type == "comment":
                self.comments.append((node.start_byte, node.end_byte))
            elif node.type == "command":
                self.commands.append(node)

    def command(self, node: Node, redirects: Sequence[str] = ()) -> Command:
        """The command at a node."""
        name = node.child_by_field_name("name")
        words = [self.atoms(each) for each in node.children if each.type in _ARGUMENTS]
        inner = [self.text_at(each) for each in node.children if each.type.endswith("redirect")]
        text = text_of(self.atoms(name.children[0])) if name and name.children else ""
        return Command(node, text, tuple(words), (*inner, *redirects))

    def stage(self, node: Node) -> Stage:
        """The command at a node, with its context."""
        around, redirects, end = self._redirected(node)
        found = Stage(self.command(node, redirects), start=node.start_byte, end=end)
        parent = self._parents.get(around.id)
        if parent is not None and parent.type == "pipeline":
            stages = _stages(parent)
            # Each access to a node makes a new object, so compare ids.
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
        """The parts of a word."""
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
        """The text of a node."""
        return self.text[node.start_byte : node.end_byte]

    def uses(self, name: str) -> Iterator[Stage]:
        """The commands that use a variable in their arguments or input."""
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
        """The statement with its redirections, the redirections, and the end of both."""
        redirects: list[str] = []
        statement, end, parent = node, node.end_byte, self._parents.get(node.id)
        while parent is not None:
            if parent.type == "redirected_statement" and parent.children[0].id == node.id:
                redirects += [self.text_at(each) for each in parent.children[1:]]
                end = parent.end_byte
                statement = parent if statement.id == node.id else statement
            # The grammar applies redirections of the last command in a list to the whole list.
            elif parent.type not in {"negated_command", "list"} or (
                parent.children[-1].id != node.id
            ):
                break
            node, parent = parent, self._parents.get(parent.id)
        return statement, redirects, end

    def _simple(self, node: Node) -> Command | None:
        redirects: list[str] = []
        while node.type == "redirected_statement" and node.children:
            redirects += [self.text_at(each) for each in node.children[1:]]
            node = node.children[0]
        return self.command(node, redirects) if node.type == "command" else None

    def _ancestors(self, node: Node) -> Iterator[tuple[Node, Node]]:
        """A node and its parent, this one and its own, up to a command or subshell around them."""
        for _ in range(_DEEPEST):
            parent = self._parents.get(node.id)
            if parent is None or parent.type in {"command", "subshell"}:
                return
            yield node, parent
            node = parent

    def _look_around(self, found: Stage, node: Node) -> None:
        """Find out where the output goes and who tests the exit status."""
        found.parent = self._parents.get(node.id)
        for depth, (inner, parent) in enumerate(self._ancestors(node), 1):
            found.is_too_deep = depth == _DEEPEST
            kind = parent.type
            if kind == "function_definition":
                found.function = not found.is_captured
                return
            if kind == "command_substitution":
                found.is_captured = True
                found.is_in_string |= self._is_in_string(parent)
            elif found.is_captured:
                if self._captures(found, parent):
                    return
            elif kind in {"list", "negated_command"}:
                found.is_condition = True
                found.is_leftmost &= parent.children[0].id == inner.id
            elif kind in {"if_statement", "elif_clause", *_LOOPS} and _is_condition(inner, parent):
                found.is_condition = True
                found.is_loop |= kind in _LOOPS

    def _is_in_string(self, substitution: Node) -> bool:
        """Whether it is written in backquotes within a string."""
        parent = self._parents.get(substitution.id)
        is_in_string = parent is not None and parent.type == "string"
        return is_in_string and substitution.children[0].type == "`"

    def _captures(self, found: Stage, node: Node) -> bool:
        """Find out where captured output goes; returns whether that is settled."""
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


def _parse(text: str) -> Tree:
    """The tree of a script; each node has the same place as in the text."""
    # The grammar takes the 2 in `$2 > file` for a descriptor, so it gets a letter instead.
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
    """Line ends that the grammar takes for blanks between arguments, as it does after three
    commands: `a | b | c`, and `d > file` on the next line."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        waiting += node.children
        if node.type == "command":
            for one, two in pairwise(node.children):
                between = text[one.end_byte : two.start_byte]
                if b"\n" in between and not between.strip():
                    yield one.end_byte + between.index(b"\n")


def text_of(word: Sequence[Atom]) -> str:
    """A word as a text, with HOLE for expansions."""
    return "".join(HOLE if atom.part.name is not None else atom.part.text for atom in word)


def _stages(pipeline: Node) -> list[Node]:
    """The commands of a pipeline; the grammar reads `a | b && c` as `a | { b && c; }`."""
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
    """Whether a node is in the condition of a statement."""
    if statement.type == "elif_clause":
        then = next((each for each in statement.children if each.type == "then"), None)
        return then is not None and node.end_byte <= then.start_byte
    return any(
        each.start_byte <= node.start_byte and node.end_byte <= each.end_byte
        for each in statement.children_by_field_name("condition")
    )
