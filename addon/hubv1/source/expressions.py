"""URLs in a text of any language, however they are composed.

A URL may be one literal, or made of literals, variables and constants of the same file:
`f"{HUB}/{name}/tags"`, `$HUB/$1/tags`, `HUB + name + "/tags"`, `Sprintf("%s/v1/…", hub, name)`.
No language is parsed for that. Wherever a legacy host, the path of an API or such a constant is
found, the rest of its string or concatenation is read to the left and to the right.

Texts are the bytes of a file, a character each.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from hubv1.api.routes import LEGACY_HOSTS

HOLE = "\ue000"
"""Stands for an unknown value in a resolved URL; no byte is this character."""

_MOST = 2_000
"""The most places to examine in a file, more than any program has."""
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
_ASSIGNED_AGAIN = re.compile(r"\w+[ \t]*:?=(?!=)")
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
    """A part of a string: a literal, or an expression that is inserted."""

    text: str
    """Its source text."""
    name: str | None = None
    """The variable that is inserted; empty for another expression, None for a literal."""
    default: str = ""
    """The default value of the variable, if it has one."""


@dataclass(slots=True)
class Expression:
    """A string that may be a URL, and its place."""

    start: int
    end: int
    parts: list[Part]
    assigned_to: str = ""
    is_string_start: bool = False
    """Whether nothing precedes it, so that a path is relative to a base elsewhere."""


@dataclass(slots=True)
class Resolved:
    """A string with values for its variables."""

    text: str
    """Has HOLE for each unknown value."""
    holes: list[Part] = field(default_factory=list)
    of: list[Expression] = field(default_factory=list)
    """The constants that it contains."""


class Expressions:
    """The strings of a file that calls to Docker Hub may be made of."""

    def __init__(self, text: str) -> None:
        """Find the strings, and the constants that they are made of."""
        self.text = text
        self.found: list[Expression] = []
        self.constants: dict[str, list[Expression]] = {}
        self._literals: dict[str, str] | None = None
        self._starts: set[int] = set()
        end = 0
        places = _PLACE.finditer(text)
        for place in islice(places, _MOST):
            if place.start() >= end:
                expression = self._read_around(place)
                if expression is not None:
                    end = self._keep(expression)
        self.is_cut = next(places, None) is not None
        """Whether there are more places than were examined."""
        fresh = set(self.constants)
        for _ in range(4):  # a constant of a constant of a constant
            known = set(self.constants)
            self._read_references(fresh)
            fresh = set(self.constants) - known
            if not fresh:
                break
        self.found.sort(key=lambda each: each.start)

    def resolve(self, parts: Sequence[Part], depth: int = 0) -> list[Resolved]:
        """The possible values of the parts together: several if a constant has several values."""
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

    def only_value(self, name: str, *, fixed: bool = False) -> str:
        """The value of a name to which only one plain value is assigned; else empty.

        If `fixed`, also empty if the user may replace it: make's `?=`, and ARG of Dockerfiles.
        """
        if fixed and re.search(_REPLACEABLE.format(re.escape(name)), self.text, re.MULTILINE):
            return ""
        if self._literals is None:
            self._literals = {}
            for found in _LITERAL_VALUE.finditer(self.text):
                known = self._literals.setdefault(found[1], found[2] or "")
                if known != found[2]:
                    self._literals[found[1]] = ""
        return self._literals.get(name, "")

    def find_requests(self, expression: Expression) -> list[int]:
        """Where a URL that is assigned to a variable is requested, as far as that is visible."""
        found = []
        uses = self._uses.get(expression.assigned_to, [])
        for at in uses[bisect_left(uses, expression.end) :]:
            if _ASSIGNED_AGAIN.match(self.text, at):
                break
            if _REQUESTS.search(self.text[max(0, at - _WINDOW) : at]):
                found.append(at)
        return found

    @cached_property
    def _uses(self) -> Mapping[str, list[int]]:
        """The places of each variable that a URL is assigned to, from one pass over the text."""
        names = {each.assigned_to for each in self.found}
        uses: defaultdict[str, list[int]] = defaultdict(list)
        for word in re.finditer(r"\w+", self.text):
            if word[0] in names:
                uses[word[0]].append(word.start())
        return uses

    def _keep(self, expression: Expression) -> int:
        name = expression.assigned_to = _find_variable(self.text, expression.start)
        self.found.append(expression)
        self._starts.add(expression.start)
        if name:
            self.constants.setdefault(name, []).append(expression)
        return expression.end

    def _read_around(self, place: re.Match[str]) -> Expression | None:
        start, is_start = place.start(), False
        parts: list[Part] = []
        if place["host"]:
            before = self.text[max(0, start - _WINDOW) : start]
            scheme = _BEFORE_HOST.search(before)
            if scheme is None and before.endswith(("/", "@", ":")):
                return None  # part of another URL's path, or of a mail address
            start -= len(scheme[0]) if scheme else 0
        else:
            start, parts, is_start = _read_left(self.text, start)
        return _read_right(self.text, start, place.start(), parts, is_start=is_start)

    def _read_references(self, names: set[str]) -> None:
        """Find the strings that begin with one of these constants."""
        if not names:
            return
        spans = [(each.start, each.end) for each in self.found]
        pattern = re.compile(rf"\b(?:{'|'.join(sorted(map(re.escape, names)))})\b")
        for use in islice(pattern.finditer(self.text), _MOST):
            if any(start <= use.start() < end for start, end in spans):
                continue
            expression = self._read_reference(use)
            if expression.start in self._starts:
                continue
            if len(expression.parts) > 1:
                self._keep(expression)
            elif (name := _find_variable(self.text, expression.start)) not in {"", use[0]}:
                self.constants.setdefault(name, []).append(expression)  # another name for it

    def _read_reference(self, use: re.Match[str]) -> Expression:
        text, start, end = self.text, use.start(), use.end()
        matches = (_INTERPOLATED_AT.match(text, at) for at in range(start - 1, start - 60, -1))
        inside = next((each for each in matches if each and end <= each.end()), None)
        while inside is not None and text[inside.start() - 1 : inside.start()] in {"{", "$", "#"}:
            wider = _INTERPOLATED_AT.match(text, inside.start() - 1)
            if wider is None or wider.end() < inside.end():
                break
            inside = wider
        is_operand = re.compile(rf"\s+{_OPERATOR}\s|\.\s*[\"'$]").match(text, end)
        if inside is not None and _parse_name(inside[0])[0] == use[0] and not is_operand:
            return _read_right(text, inside.start(), inside.start(), [])
        before = text[max(0, start - _WINDOW) : start]
        template = _TEMPLATE.search(before)
        if template is not None:
            at = start - len(before) + template.start() + 1
            return _read_right(text, at, at, [])
        begin = start - len(re.search(r"(?:\w+(?:\.|->|::))*[$@]?$", before)[0])  # type: ignore[index]  # matches nothing too
        reference = Part(text[begin:end], use[0])
        is_joined = _JOINED.search(text[max(0, begin - 40) : begin]) is not None
        return _read_right(text, begin, end, [reference], in_string=False, is_joined=is_joined)


def _find_variable(text: str, at: int) -> str:
    before = text[max(0, at - _WINDOW) : at]
    found = _ASSIGNED.search(before) or _DECLARED.search(before)
    # "$user:$password" assigns nothing.
    is_use = (
        found is not None and before[: found.start()].endswith(("$", "${")) and "=" not in found[0]
    )
    return found[1] if found and not is_use else ""


def _parse_name(text: str) -> tuple[str, str]:
    """The plain variable in an interpolation, and its default."""
    default = _DEFAULT.match(text)
    if default is not None:
        return default[1], default[2].strip("\"'")
    found = _NAME.match(text)
    return (found[1] if found else ""), ""


def parse_interpolation(text: str) -> Part:
    """An inserted expression such as `${name}`."""
    name, default = _parse_name(text)
    return Part(text, name, default)


def _split_placeholders(text: str) -> list[Part]:
    """The parts of a literal with placeholders."""
    pieces = _PLACEHOLDER.split(text)
    return [
        Part(piece, piece.strip("%") if len(piece) > 2 else "") if number % 2 else Part(piece)
        for number, piece in enumerate(pieces)
        if piece
    ]


def _split_after_dollar(text: str) -> list[Part]:
    """The parts of a literal that begins with a variable whose `$` stands before it."""
    name, rest = re.fullmatch(r"(\w*)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]  # matches all
    return [Part("$" + name, name), *_split_placeholders(rest)]


def _read_left(text: str, at: int) -> tuple[int, list[Part], bool]:
    """The string before a place: its beginning, its parts, and whether nothing precedes it."""
    parts: list[Part] = []
    while len(parts) < 40:
        before = text[max(0, at - _WINDOW) : at]
        if literal := _LITERAL_END.search(before):
            is_variable = text[at - len(literal[0]) - 1 : at - len(literal[0])] == "$"
            at -= len(literal[0]) + is_variable
            parts[:0] = (
                _split_after_dollar(literal[0]) if is_variable else _split_placeholders(literal[0])
            )
        elif inside := _INTERPOLATED_END.search(before):
            at -= len(inside[0])
            parts.insert(0, parse_interpolation(inside[0]))
        elif not before or before[-1] not in _QUOTES:
            return at, parts, not parts or parts[0].name is None
        elif string := _STRING_END.search(before[:-1]):
            at -= len(string[0]) + 1
        elif operand := _OPERAND_END.search(before[:-1]):
            at -= len(operand[0]) + 1
            parts.insert(0, parse_interpolation(operand[1]))
            further = _STRING_END.search(text[max(0, at - _WINDOW) : at])
            at -= len(further[0]) if further else 0
            if not further:
                break
        else:
            return at, parts, True
    return at, parts, False


def _read_right(
    text: str,
    start: int,
    at: int,
    parts: list[Part],
    *,
    in_string: bool = True,
    is_start: bool = False,
    is_joined: bool = False,
) -> Expression:
    """The string from `start`; `parts` has all of it before `at`."""
    closed = -1
    while len(parts) < 80:
        if not in_string:
            following = _read_operand(text, at, is_joined=is_joined, is_closed=closed == at - 1)
            if following is None:
                break
            at, more, in_string = following
            parts += more
        elif found := _LITERAL_AT.match(text, at):
            at = found.end()
            is_end = text[at : at + 1] in {"", " ", "\n", *_QUOTES}
            parts += _split_placeholders(found[0].rstrip(".:") if is_end else found[0])
        elif found := _INTERPOLATED_AT.match(text, at):
            at = found.end()
            parts.append(parse_interpolation(found[0]))
        elif text[at : at + 1] in {*_QUOTES}:
            closed, at, in_string = at, at + 1, False
        else:
            break
    if closed >= 0:
        parts = _fill_placeholders(parts, text, closed)
    return Expression(start, max(at, start + 1), parts, is_string_start=is_start)


def _read_operand(
    text: str, at: int, *, is_joined: bool, is_closed: bool
) -> tuple[int, list[Part], bool] | None:
    """What is concatenated at a place: where it ends, or where its string begins; its parts; and
    whether it is a string."""
    comma = re.compile(r"\s*,\s*").match(text, at) if is_joined else None
    found = comma or _OPERATOR_AT.match(text, at)
    if found is not None:
        separator = [Part("/")] if comma else []
        if string := _STRING_AT.match(text, found.end()):
            return string.end(), separator, True
        operand = _OPERAND_AT.match(text, found.end())
        return (
            (operand.end(), [*separator, parse_interpolation(operand[0])], False)
            if operand
            else None
        )
    adjacent = (_ADJACENT.match(text, at) or _NEXT_LINE.match(text, at)) if is_closed else None
    return (adjacent.end(), [], True) if adjacent else None


def _fill_placeholders(parts: list[Part], text: str, closed: int) -> list[Part]:
    """The parts with the arguments of the format in place of its placeholders."""
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
    """The arguments at the beginning of a text."""
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
    return Part(literal[1]) if literal else parse_interpolation(re.sub(r"^\w+=|^&", "", text))
