"""URLs in a text of any language, however they are put together.

A URL may stand in one piece, or be made of literals, variables and constants of the same file:
`f"{HUB}/{name}/tags"`, `$HUB/$1/tags`, `HUB + name + "/tags"`, `Sprintf("%s/v1/…", hub, name)`.
No language is parsed for that. From each place where a legacy host, the path of an API or such a
constant stands, what belongs to the same string or concatenation is read to the left and right.

Texts here are bytes of a file, a character each.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from hubv1.api.routes import LEGACY_HOSTS

HOLE = "\ue000"
"""Stands in a resolved URL for what is not known; no byte is that character."""

_MOST = 2_000
"""Places that are looked at in one file, beyond what any program has."""
_MOST_VALUES = 8
_WINDOW = 240
_SLASH = r"\\?/"
_HOST = rf"(?<![\w.-])(?:{'|'.join(map(re.escape, LEGACY_HOSTS))})(?![\w-]|\.\w)"
_PLACE = re.compile(
    rf"(?P<host>{_HOST})|(?<![\w.-])v[12]{_SLASH}+(?:repositories\b|users{_SLASH}+login\b)",
    re.IGNORECASE,
)
_BEFORE_HOST = re.compile(rf"(?:https?:)?{_SLASH}{{2}}(?:[^\s/@\"'`]*@)?$", re.IGNORECASE)
_LITERAL = r"(?:[\w.~%:@/-]|\\/)+"
_NESTED = r"\((?:[^()\n]|\([^()\n]*\))*\)"
_INTERPOLATED = (
    r"\$\{\{[^{}\n]*\}\}|\{\{[^{}\n]*\}\}|[$#@]?\{(?:[^{}\n]|\{[^{}\n]*\})*\}"
    rf"|\${_NESTED}|\\{_NESTED}|\$[A-Za-z_]\w*(?:->\w+|\[[^\]\n]*\])*|\$[\d@*]|<[\w .-]+>"
)
_LITERAL_AT = re.compile(_LITERAL)
_LITERAL_END = re.compile(_LITERAL + "$")
_INTERPOLATED_AT = re.compile(_INTERPOLATED)
_INTERPOLATED_END = re.compile(rf"(?:{_INTERPOLATED})$")
_PLACEHOLDER = re.compile(r"(%[sqv]|%d(?![0-9A-Fa-f])|%[A-Za-z_]\w+%)")
_QUOTES = "\"'`"
_OPERATOR = r"(?:\+|\.\.|\.(?=\s*[\"'$])|(?<=\s)\.(?=\s)|~|&|<>)"
_OPERATOR_AT = re.compile(rf"\s*{_OPERATOR}\s*")
_STRING_AT = re.compile(r"[A-Za-z@$]{0,2}[\"'`]")
_OPERAND = rf"[$@]?[A-Za-z_][\w]*(?:(?:\.|->|::)\w+|\[[^\]\n]*\]|{_NESTED})*"
_OPERAND_AT = re.compile(_OPERAND)
_OPERAND_END = re.compile(rf"({_OPERAND})\s*{_OPERATOR}\s*[A-Za-z@$]{{0,2}}$")
_STRING_END = re.compile(rf"[\"'`]\s*{_OPERATOR}\s*(?:[A-Za-z@]{{0,2}}(?=$))?$")
_ADJACENT = re.compile(r"(?=[/$])|[\"'`](?=[$/])")
_NEXT_LINE = re.compile(r"\s*\n\s*[fFrRbBuU]{0,2}[\"']")
_NAME = re.compile(
    r"^[\s$({#@<%\\]*(?:\w+\s*(?:\.|->|::))*([A-Za-z_]\w*|\d)(?:\(\))?\s*(?:\|.*)?[\s)}>%]*$"
)
_DEFAULT = re.compile(r"^\$\{(\w+):?[-=](.*)\}$")
_WRAP = (
    r"(?:[\w.:]*(?:environ\.get|getenv|ENV\.fetch|\benv|URI(?:\.create|\.parse)?|[uU]r[li]|"
    r"URL|from|Sprintf|sprintf|format!?|[jJ]oin\w*|coalesce|lookup)\(\s*(?:[\"']\w+[\"']\s*,\s*)?|"
    r"[\w.$\[\]\"']+\s*(?:\|\||\?\?|\bor\b)\s*|\$\{\w+:?[-=]|[(\[]|new\s|[A-Za-z@$&]{0,2}[\"'`]|\s)*+"
)
_ASSIGNED = re.compile(
    r"(?<![A-Za-z_])([A-Za-z_]\w*+)[\"'\]]?[ \t]*+(?::[ \t]*+[&\w<>\[\]'.,?| ]+?)?[ \t]*"
    rf"(?::=|\?=|\+=|=>|(?<![=!<>~])=(?!=)|:(?!:))\s*{_WRAP}$"
)
_DECLARED = re.compile(
    r"(?:\b(?:ENV|ARG|setenv|set(?:\s+-\w+)*|define\(|#define)|@)\s*[\"']?(\w+)[\"']?\s*,?\s+[\"']?$"
)
_LITERAL_VALUE = re.compile(
    r"^[ \t-]*(?:[\w<>\[\]]+[ \t]+){0,5}\$?(\w+)[\"']?(?::\s*&?\w+)?"
    r"[ \t]*[:?]?[:=][ \t]*(?:[\"']?([\w./-]+)[\"']?[;,]?[ \t]*(?:#.*)?$)?",
    re.MULTILINE,
)
_REPLACEABLE = r"^[ \t]*(?:(?:export[ \t]+)?{0}[ \t]*\?=|(?i:ARG)[ \t]+(?:\S+[ \t]+)*{0}=)"
_ARGUMENTS = re.compile(r"[\"'`]\s*(?:%\s*\(?|,|\.format\(|\.formatted\(|\)?\s+-f\s)\s*")
_TEMPLATE = re.compile(
    r"[\"'`](?=(?:%[sv]|\{\d*\})[^\"'`\n]*/)[^\"'`\n]*[\"'`]"
    r"\s*(?:%\s*\(?|,|\.format\(|\.formatted\()\s*(?:\w+\.)*[&$]?$"
)
_JOINED = re.compile(r"(?:[jJ]oin\w*|URL|resolve|urljoin)\(\s*$")
_REQUESTS = re.compile(
    r"\b\w*(?:fetch|get|open|request|curl|head|post|put|patch|delete|retrieve|download|exec|axios|"
    r"got|invoke\S*|uri|read|load)\w*!?\s*(?:\(|\s-\w+\s)\s*(?:[^();\n]|\([^()\n]*\))*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a string: a literal, or what is put in there."""

    text: str
    """As it stands in the file."""
    name: str | None = None
    """Of the variable that is put in; empty where it is no plain one; None for a literal."""
    default: str = ""
    """Where the variable has one."""


@dataclass(slots=True)
class Expression:
    """A string that a URL may be, and where it stands."""

    start: int
    end: int
    parts: list[Part]
    assigned_to: str = ""
    is_string_start: bool = False
    """Whether nothing is to the left of it, so that a path is relative to a base elsewhere."""


@dataclass(slots=True)
class Resolved:
    """A string with the values of its variables put in."""

    text: str
    """With HOLE for each value that is not known."""
    holes: list[Part] = field(default_factory=list)
    of: list[Expression] = field(default_factory=list)
    """The constants that are in it."""


class Expressions:
    """Those of a file that a call to Docker Hub may be made of."""

    def __init__(self, text: str) -> None:
        """Read them all, with the constants that they are made of."""
        self.text = text
        self.found: list[Expression] = []
        self.constants: dict[str, list[Expression]] = {}
        self._literals: dict[str, str] | None = None
        self._starts: set[int] = set()
        end = 0
        places = _PLACE.finditer(text)
        for place in islice(places, _MOST):
            if place.start() >= end:
                expression = self._around(place)
                if expression is not None:
                    end = self._add(expression)
        self.is_cut = next(places, None) is not None
        """Whether there are more places than are looked at."""
        fresh = set(self.constants)
        for _ in range(4):  # a constant of a constant of a constant
            known = set(self.constants)
            self._read_references(fresh)
            fresh = set(self.constants) - known
            if not fresh:
                break
        self.found.sort(key=lambda each: each.start)

    def resolve(self, parts: Sequence[Part], depth: int = 0) -> list[Resolved]:
        """What the parts may be together; several where a constant has several values."""
        made = [Resolved("")]
        for part in parts:
            values = [*self._values(part, depth)]
            made = [
                Resolved(one.text + two.text, one.holes + two.holes, one.of + two.of)
                for one in made
                for two in values
            ][:_MOST_VALUES]
        return made

    def _values(self, part: Part, depth: int) -> Iterator[Resolved]:
        if part.name is None:
            yield Resolved(part.text.replace("\\/", "/"))
            return
        known = self.constants.get(part.name, ()) if part.name and depth < 4 else ()
        for constant in known[:4]:
            for value in self.resolve(constant.parts, depth + 1):
                yield Resolved(value.text, value.holes, [constant, *value.of])
        if not known and part.default:
            yield Resolved(part.default)
        elif not known:
            yield Resolved(HOLE, [part])

    def literal(self, name: str, *, fixed: bool = False) -> str:
        """The one plain value that is ever assigned to a name at the beginning of a line. Where
        `fixed`, none that whoever runs the file may replace: make's `?=`, and ARG of Docker's."""
        if fixed and re.search(_REPLACEABLE.format(re.escape(name)), self.text, re.MULTILINE):
            return ""
        if self._literals is None:
            self._literals = {}
            for found in _LITERAL_VALUE.finditer(self.text):
                known = self._literals.setdefault(found[1], found[2] or "")
                if known != found[2]:
                    self._literals[found[1]] = ""
        return self._literals.get(name, "")

    def requests(self, expression: Expression) -> list[int]:
        """Where a URL that is assigned to a variable is asked for, if that can be told."""
        name = expression.assigned_to
        if not name:
            return []
        found = []
        again = re.compile(rf"\b{name}[ \t]*(:?=)(?!=)")
        for use in re.compile(rf"\b{name}\b").finditer(self.text, expression.end):
            at = use.start()
            if again.match(self.text, at):
                break
            if _REQUESTS.search(self.text[max(0, at - _WINDOW) : at]):
                found.append(at)
        return found

    def _add(self, expression: Expression) -> int:
        name = expression.assigned_to = _assigned_to(self.text, expression.start)
        self.found.append(expression)
        self._starts.add(expression.start)
        if name:
            self.constants.setdefault(name, []).append(expression)
        return expression.end

    def _around(self, place: re.Match[str]) -> Expression | None:
        start, is_start = place.start(), False
        parts: list[Part] = []
        if place["host"]:
            before = self.text[max(0, start - _WINDOW) : start]
            scheme = _BEFORE_HOST.search(before)
            if scheme is None and before.endswith(("/", "@", ":")):
                return None  # a part of the path of another URL, or of an address of mail
            start -= len(scheme[0]) if scheme else 0
        else:
            start, parts, is_start = _to_the_left(self.text, start)
        return _to_the_right(self.text, start, place.start(), parts, is_start=is_start)

    def _read_references(self, names: set[str]) -> None:
        """Find the strings that begin with one of these constants."""
        if not names:
            return
        spans = [(each.start, each.end) for each in self.found]
        pattern = re.compile(rf"\b(?:{'|'.join(sorted(map(re.escape, names)))})\b")
        for use in islice(pattern.finditer(self.text), _MOST):
            if any(start <= use.start() < end for start, end in spans):
                continue
            expression = self._referring(use)
            if expression.start in self._starts:
                continue
            if len(expression.parts) > 1:
                self._add(expression)
            elif (name := _assigned_to(self.text, expression.start)) not in {"", use[0]}:
                self.constants.setdefault(name, []).append(expression)  # another name for it

    def _referring(self, use: re.Match[str]) -> Expression:
        text, start, end = self.text, use.start(), use.end()
        matches = (_INTERPOLATED_AT.match(text, at) for at in range(start - 1, start - 60, -1))
        inside = next((each for each in matches if each and end <= each.end()), None)
        while inside is not None and text[inside.start() - 1 : inside.start()] in {"{", "$", "#"}:
            wider = _INTERPOLATED_AT.match(text, inside.start() - 1)
            if wider is None or wider.end() < inside.end():
                break
            inside = wider
        is_operand = re.compile(rf"\s+{_OPERATOR}\s|\.\s*[\"'$]").match(text, end)
        if inside is not None and _name_of(inside[0])[0] == use[0] and not is_operand:
            return _to_the_right(text, inside.start(), inside.start(), [])
        before = text[max(0, start - _WINDOW) : start]
        template = _TEMPLATE.search(before)
        if template is not None:
            at = start - len(before) + template.start() + 1
            return _to_the_right(text, at, at, [])
        begin = start - len(re.search(r"(?:\w+(?:\.|->|::))*[$@]?$", before)[0])  # type: ignore[index]  # matches nothing too
        reference = Part(text[begin:end], use[0])
        is_joined = _JOINED.search(text[max(0, begin - 40) : begin]) is not None
        return _to_the_right(text, begin, end, [reference], in_string=False, is_joined=is_joined)


def _assigned_to(text: str, at: int) -> str:
    before = text[max(0, at - _WINDOW) : at]
    found = _ASSIGNED.search(before) or _DECLARED.search(before)
    # In "$user:$password" nothing is assigned.
    is_use = (
        found is not None and before[: found.start()].endswith(("$", "${")) and "=" not in found[0]
    )
    return found[1] if found and not is_use else ""


def _name_of(text: str) -> tuple[str, str]:
    """The plain variable in an interpolation, and its default."""
    default = _DEFAULT.match(text)
    if default is not None:
        return default[1], default[2].strip("\"'")
    found = _NAME.match(text)
    return (found[1] if found else ""), ""


def interpolation(text: str) -> Part:
    """What is put in there, such as `${name}`."""
    name, default = _name_of(text)
    return Part(text, name, default)


def _literals(text: str) -> list[Part]:
    """A literal, and the placeholders in it."""
    pieces = _PLACEHOLDER.split(text)
    return [
        Part(piece, piece.strip("%") if len(piece) > 2 else "") if number % 2 else Part(piece)
        for number, piece in enumerate(pieces)
        if piece
    ]


def _literals_after(text: str) -> list[Part]:
    """Likewise, where the literal begins with the name of a variable whose `$` is before it."""
    name, rest = re.fullmatch(r"(\w*)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]  # matches all
    return [Part("$" + name, name), *_literals(rest)]


def _to_the_left(text: str, at: int) -> tuple[int, list[Part], bool]:
    """What belongs to a string before that place: where it begins, its parts, and whether there is
    nothing before it."""
    parts: list[Part] = []
    while len(parts) < 40:
        before = text[max(0, at - _WINDOW) : at]
        if literal := _LITERAL_END.search(before):
            is_variable = text[at - len(literal[0]) - 1 : at - len(literal[0])] == "$"
            at -= len(literal[0]) + is_variable
            parts[:0] = _literals_after(literal[0]) if is_variable else _literals(literal[0])
        elif inside := _INTERPOLATED_END.search(before):
            at -= len(inside[0])
            parts.insert(0, interpolation(inside[0]))
        elif not before or before[-1] not in _QUOTES:
            return at, parts, not parts or parts[0].name is None
        elif string := _STRING_END.search(before[:-1]):
            at -= len(string[0]) + 1
        elif operand := _OPERAND_END.search(before[:-1]):
            at -= len(operand[0]) + 1
            parts.insert(0, interpolation(operand[1]))
            further = _STRING_END.search(text[max(0, at - _WINDOW) : at])
            at -= len(further[0]) if further else 0
            if not further:
                break
        else:
            return at, parts, True
    return at, parts, False


def _to_the_right(
    text: str,
    start: int,
    at: int,
    parts: list[Part],
    *,
    in_string: bool = True,
    is_start: bool = False,
    is_joined: bool = False,
) -> Expression:
    """The string that begins at `start`, of which all to `at` is in `parts`."""
    closed = -1
    while len(parts) < 80:
        if not in_string:
            following = _following(text, at, is_joined=is_joined, is_closed=closed == at - 1)
            if following is None:
                break
            at, more, in_string = following
            parts += more
        elif found := _LITERAL_AT.match(text, at):
            at = found.end()
            is_end = text[at : at + 1] in {"", " ", "\n", *_QUOTES}
            parts += _literals(found[0].rstrip(".:") if is_end else found[0])
        elif found := _INTERPOLATED_AT.match(text, at):
            at = found.end()
            parts.append(interpolation(found[0]))
        elif text[at : at + 1] in {*_QUOTES}:
            closed, at, in_string = at, at + 1, False
        else:
            break
    if closed >= 0:
        parts = _filled(parts, text, closed)
    return Expression(start, max(at, start + 1), parts, is_string_start=is_start)


def _following(
    text: str, at: int, *, is_joined: bool, is_closed: bool
) -> tuple[int, list[Part], bool] | None:
    """What is concatenated to what ends there: where it ends, or its string begins; its parts; and
    whether it is a string."""
    comma = re.compile(r"\s*,\s*").match(text, at) if is_joined else None
    found = comma or _OPERATOR_AT.match(text, at)
    if found is not None:
        separator = [Part("/")] if comma else []
        if string := _STRING_AT.match(text, found.end()):
            return string.end(), separator, True
        operand = _OPERAND_AT.match(text, found.end())
        return (operand.end(), [*separator, interpolation(operand[0])], False) if operand else None
    adjacent = (_ADJACENT.match(text, at) or _NEXT_LINE.match(text, at)) if is_closed else None
    return (adjacent.end(), [], True) if adjacent else None


def _filled(parts: list[Part], text: str, closed: int) -> list[Part]:
    """The parts with the arguments of the format put in for its placeholders."""
    begin = _ARGUMENTS.match(text, closed)
    if begin is None:
        return parts
    arguments = iter(_arguments(text[begin.end() : begin.end() + 2 * _WINDOW]))
    filled = []
    for part in parts:
        is_placeholder = part.name == "" and re.fullmatch(r"%[sqvd]|\{\d*\}", part.text)
        argument = next(arguments, None) if is_placeholder else None
        filled.append(part if argument is None else argument)
    return filled


def _arguments(text: str) -> Iterator[Part]:
    """The arguments that a text begins with."""
    depth, word = 0, ""
    for char in text:
        if (char == ")" and depth == 0) or char == ";":
            break
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            yield _argument(word)
            word = ""
        else:
            word += char
    yield _argument(word)


def _argument(text: str) -> Part:
    text = text.strip()
    literal = re.fullmatch(rf"[a-zA-Z]?[\"'`]({_LITERAL})[\"'`].*", text, re.DOTALL)
    return Part(literal[1]) if literal else interpolation(re.sub(r"^\w+=|^&", "", text))
