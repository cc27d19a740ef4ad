"""The shell lines of a file: of a script, and those within YAML, Makefiles, Dockerfiles,
Jenkinsfiles and Markdown.

A Piece is shell as a shell would get it, and knows for each of its characters where in the file
that is, and how to write a change back.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

_SHEBANG = re.compile(r"#!.*\b(?:ba|da|k|z|a|)sh\b")
_SHELL_SUFFIXES = {".sh", ".bash", ".zsh", ".ksh", ".dash", ".bats", ".ebuild", ".env", ".envrc"}
_SHELL_NAMES = re.compile(
    r"\.?(?:bash|zsh|k)?(?:rc|_profile|profile|_aliases|env)|(?:APK|PKG)BUILD"
)
_TEMPLATES = {".j2", ".jinja", ".jinja2", ".tpl", ".tmpl", ".template", ".in", ".erb", ".dist"}
CLIENT = re.compile(r"\b(?:curl|wget|https?|xh|aria2c|lynx|fetch|skopeo)\s")
_TEXTUAL = re.compile(r"\$\{\{[^{}\n]*\}\}|\{\{[^{}\n]*\}\}|<%=[^%\n]*%>")


@dataclass(slots=True)
class Piece:
    """Shell lines, and where they are in the file."""

    text: str
    origin: list[int]
    """Where each character is in the file; one more for the end."""
    escape: Callable[[str], str] = str
    """Writes new shell as it has to stand in the file."""
    indent: str | None = None
    """What new lines begin with in the file; None where there can be none."""
    textual: frozenset[str] = frozenset()
    """Variables that are put in before a shell sees the text."""
    convert: Callable[[str], tuple[int, int, str]] | None = None
    """Where new text may not fit in: from all of the shell to the edit that puts it in."""
    needs_conversion: Callable[[str], bool] = field(default=lambda _: False)

    def source(self, start: int, end: int, file: str) -> str:
        """What stands in the file for a part of the piece."""
        return file[self.origin[start] : self.origin[end - 1] + 1] if end > start else ""


def language_of(name: str, text: str) -> str:
    """In what a file is written, by its name and first line."""
    path = PurePosixPath(name)
    while path.suffix.lower() in _TEMPLATES:
        path = path.with_suffix("")
    base, suffix = path.name, path.suffix.lower()
    for pattern, language in (
        (r"(?i)(gnu)?makefile(\..*)?|.*\.(mk|mak|make)", "make"),
        (r"(?i)(docker|container)file([.-].*)?|.*\.(docker|container)file", "docker"),
        (r"(?i)jenkinsfile.*|.*\.(groovy|jenkinsfile|jenkins|gradle)", "groovy"),
        (r"(?i).*\.ya?ml", "yaml"),
        (r"(?i).*\.(md|markdown|mdx|mkd|rmd)", "markdown"),
    ):
        if re.fullmatch(pattern, base):
            return language
    if suffix in _SHELL_SUFFIXES or _SHELL_NAMES.fullmatch(base) or _SHEBANG.match(text):
        return "shell"
    if not suffix and not text.startswith("#!") and CLIENT.search(text):
        return "shell"
    return suffix.removeprefix(".")


def pieces_of(language: str, text: str) -> Iterator[Piece]:
    """The shell in a file."""
    read = _READERS.get(language)
    for piece in read(text) if read else ():
        if CLIENT.search(piece.text) or language == "shell":
            yield _without_templates(piece)


def _without_templates(piece: Piece) -> Piece:
    """The piece with variables in the place of what a template puts in; each keeps its length."""
    textual = set(piece.textual)

    def variable(match: re.Match[str]) -> str:
        name = _variable_for(match[0])
        textual.add(name)
        return "${" + name + "}"

    piece.text = _TEXTUAL.sub(variable, piece.text)
    piece.textual = frozenset(textual)
    return piece


def _variable_for(expression: str) -> str:
    """The name of a variable that is as long as the expression once `${}` is around it."""
    length = len(expression) - 3
    inner = re.fullmatch(r"\W*(?:\w+\.)*(\w+)\W*", expression)
    name = inner[1] if inner is not None and len(inner[1]) <= length else ""
    return name.ljust(length, "_")


def _gathered(parts: Iterable[tuple[int, str]], end: int, **more: Any) -> Piece:  # noqa: ANN401  # fields of a Piece
    """A piece of texts, each with the place in the file of what it stands for and is not longer
    than."""
    made, origin = [], list[int]()
    for at, part in parts:
        made.append(part)
        origin += range(at, at + len(part))
    return Piece("".join(made), [*origin, end], **more)


def _unescaped(
    text: str,
    span: tuple[int, int],
    special: str,
    meaning: Callable[[str], str],
    **more: Any,  # noqa: ANN401  # likewise
) -> Piece:
    """A part of the file in which what matches `special` has another meaning."""
    units = re.compile(rf"({special})|[^\n]|\n").finditer(text, *span)
    read = ((each.start(), meaning(each[1]) if each[1] else each[0]) for each in units)
    return _gathered(read, span[1], **more)


def _verbatim(text: str, start: int, end: int, indent: str | None = None) -> Piece:
    return Piece(text[start:end], [*range(start, end + 1)], indent=indent)


def _shell(text: str) -> Iterator[Piece]:
    yield _verbatim(text, 0, len(text), "")


_OF_MAKE = r"\$\$|\$\(\w+\)|\$\{\w+\}|\$\((?:[^()]|\([^()]*\))*\)"


def _make(text: str) -> Iterator[Piece]:
    """Recipe lines, and what $(shell …) runs."""
    for match in re.finditer(r"^\t[@+-]*((?:[^\n\\]|\\.|\\\n)*)", text, re.MULTILINE | re.DOTALL):
        if CLIENT.search(match[1]):
            yield _make_piece(text, *match.span(1))
    for match in re.finditer(r"^[^\t\n#].*?\$\(shell\s+", text, re.MULTILINE):
        depth, end = 1, match.end()
        while end < len(text) and depth and (text[end] != "\n" or text[end - 1] == "\\"):
            depth += (text[end] == "(") - (text[end] == ")")
            end += 1
        piece = _make_piece(text, match.end(), end - (not depth))
        piece.needs_conversion = _has_hash
        yield piece


def _has_hash(new: str) -> bool:
    """Whether make before 4.3 takes what is in `$(shell …)` for a comment from there on."""
    return "#" in new


def _make_piece(text: str, start: int, end: int) -> Piece:
    """Shell as make passes it on: `$$` is a dollar, and variables of make's are put in."""
    textual = set()

    def meaning(reference: str) -> str:
        if reference == "$$":
            return "$"
        name = reference[2:-1]
        if not re.fullmatch(r"\w+", name):
            name = "_" * len(name)
        textual.add(name)
        return "${" + name + "}"

    piece = _unescaped(text, (start, end), _OF_MAKE, meaning, escape=_for_make)
    piece.textual = frozenset(textual)
    return piece


def _for_make(new: str) -> str:
    return new.replace("$", "$$")


def _docker(text: str) -> Iterator[Piece]:
    """What RUN and the like run, and here-documents of RUN."""
    instruction = re.compile(
        r"^[ \t]*(?:ONBUILD\s+)?(?:RUN|CMD|ENTRYPOINT|HEALTHCHECK\s.*?CMD)\s+"
        r"((?:--\w+=\S+\s+)*)((?:[^\n\\]|\\[^\n]|\\[ \t]*\n(?:[ \t]*#.*\n)*)*)",
        re.MULTILINE | re.IGNORECASE,
    )
    at = 0
    while match := instruction.search(text, at):
        at = match.end()
        here = re.match(r"<<-?[\"']?(\w+)[\"']?", match[2])
        if here is not None:
            end = re.compile(rf"^[ \t]*{here[1]}[ \t]*$", re.MULTILINE).search(text, at)
            begin, at = at, end.start() if end else len(text)
            yield _verbatim(text, begin, at, "")
        elif not match[2].startswith("["):
            yield _unescaped(text, match.span(2), r"(?<=\n)[ \t]*#[^\n]*\n", lambda _comment: "")


def _groovy(text: str) -> Iterator[Piece]:
    """What `sh` runs."""
    step = re.compile(
        r"\bsh\b\s*\(?\s*(?:\w+\s*:\s*(?:true|false|'[^'\n]*'|\"[^\"\n]*\")\s*,\s*)*(?:script\s*:\s*)?"
        r"('''|\"\"\"|'|\")((?:[^\\]|\\.)*?)\1",
        re.DOTALL,
    )
    comments = [each.span(1) for each in _GROOVY.finditer(text) if each[1]]
    starts = [start for start, _ in comments]
    for match in step.finditer(text):
        before = bisect_right(starts, match.start())
        if before and match.start() < comments[before - 1][1]:
            continue
        textual = set[str]()

        def meaning(found: str, textual: set[str] = textual) -> str:
            if found.startswith("\\"):
                return _meant(found)
            name = _variable_for(found) if found.endswith("}") or "." in found else found[1:]
            textual.add(name)
            return found if found == f"${name}" else "${" + name + "}"

        special = _OF_GROOVY if '"' in match[1] else _BACKSLASHED
        piece = _unescaped(text, match.span(2), special, meaning, escape=_for_groovy(match[1]))
        piece.textual = frozenset(textual)
        yield piece


_GROOVY = re.compile(
    r"'''.*?'''|\"\"\".*?\"\"\"|'(?:[^'\\\n]|\\.)*+'|\"(?:[^\"\\\n]|\\.)*+\"|\\."
    r"|(//[^\n]*|/\*.*?(?:\*/|\Z))",
    re.DOTALL,
)
"""Strings, and comments as a group."""
_BACKSLASHED = r"\\[\s\S]"
_OF_GROOVY = rf"{_BACKSLASHED}|\$\{{[^{{}}\n]+\}}|\$[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"


def _meant(escaped: str) -> str:
    """What a backslash and a character mean in strings of Groovy and YAML."""
    return {"n": "\n", "t": "\t", "r": "\r", "\n": ""}.get(escaped[1], escaped[1])


def _for_groovy(quote: str) -> Callable[[str], str]:
    def escape(new: str) -> str:
        new = new.replace("\\", "\\\\")
        if '"' in quote:
            new = new.replace("$", "\\$")
        return new.replace(quote[0], "\\" + quote[0]) if len(quote) == 1 else new

    return escape


def _markdown(text: str) -> Iterator[Piece]:
    """Fenced blocks for a shell, without prompts, and code within lines."""
    fence = re.compile(
        r"^([ \t>]*+)(`{3,}+|~{3,}+)[ \t{.]*+([\w-]*)[^\n]*\n(.*?)^[ \t>]*\2",
        re.MULTILINE | re.DOTALL,
    )
    shells = {"", "sh", "bash", "shell", "zsh", "console", "text", "shell-session", "terminal"}
    for match in fence.finditer(text):
        if match[3].lower() in shells and CLIENT.search(match[4]):
            yield _gathered(_without_prompts(text, match.span(4), len(match[1])), match.end(4))
    for match in re.finditer(r"(?<!`)`([^`\n]+)`(?!`)", text):
        if CLIENT.match(match[1]):
            yield _verbatim(text, *match.span(1))
    for match in re.finditer(r"(?:^(?: {4}|\t).*\n?)+", text, re.MULTILINE):
        if CLIENT.search(match[0]):
            yield _gathered(_without_prompts(text, match.span(), 0), match.end())


_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def _without_prompts(text: str, span: tuple[int, int], indent: int) -> Iterator[tuple[int, str]]:
    """The lines of a block that somebody types, each with its place."""
    has_prompts = re.search(r"^[ \t>]*\$ ", text[slice(*span)], re.MULTILINE) is not None
    was_continued = False
    for match in _LINE.finditer(text, *span):
        line = match[0]
        prompt = re.match(r"[ \t>]*[$#%>] ", line)
        skip = len(prompt[0]) if prompt else min(indent, len(line) - len(line.lstrip()))
        if prompt or was_continued or not has_prompts:
            yield match.start() + skip, line[skip:]
            was_continued = line.rstrip().endswith(("\\", "|"))


_KEY = r"(?:[\w./-]+|\"[^\"\n]*\"|'[^'\n]*')[ \t]*:(?=[ \t]|$)"
_ENTRY = re.compile(rf"^([ ]*(?:-[ ]+)*)({_KEY}[ \t]*)?(?:[&!][\w!<>-]+[ \t]+)*(.*)$", re.MULTILINE)
_BLOCK_SCALAR = re.compile(r"([|>])[+-]?\d?[+-]?[ \t]*(?:#.*)?$")


def _yaml(text: str) -> Iterator[Piece]:
    """Scalars of every style."""
    at = 0
    while at < len(text) and (entry := _ENTRY.match(text, at)):
        value, start = entry[3], entry.start(3)
        end = _end_of_value(text, entry.end(), len(entry[1]) - len(entry[1].lstrip(" ")))
        at = entry.end() + 1
        if scalar := _BLOCK_SCALAR.match(value):
            if CLIENT.search(text, entry.end(), end):
                yield _block_scalar(text, min(at, end), end, is_folded=scalar[1] == ">")
            at = max(end, at)
        elif value[:1] in {"'", '"'}:
            yield from _quoted(text, start, value[0])
        elif value and value[0] not in "#{[&*":
            following = text[entry.end() : end]
            is_plain = not re.search(rf"^[ ]*(?:- |{_KEY})", following, re.MULTILINE)
            stop = start + len(text[start : end if is_plain else entry.end()].rstrip())
            yield from _plain(text, start, stop, len(entry[1]))
            at = max(end, at) if is_plain else at


def _end_of_value(text: str, at: int, indent: int) -> int:
    """Where the lines end that are indented more than that."""
    line = re.compile(rf"(?:[ \t]*\n| {{{indent + 1}}}[^\n]*(?:\n|$))*")
    following = line.match(text, at + 1)
    return min(following.end() if following else at + 1, len(text))


def _block_scalar(text: str, start: int, end: int, *, is_folded: bool) -> Piece:
    lines = [*_LINE.finditer(text, start, end)]
    indents = [len(line[0]) - len(line[0].lstrip(" ")) for line in lines]
    indent = next((each for each, line in zip(indents, lines, strict=True) if line[0].strip()), 0)
    parts = []
    for line, own in zip(lines, indents, strict=True):
        content = line[0][min(indent, own) :]
        if is_folded and content.strip() and content.endswith("\n"):
            content = content[:-1] + " "
        parts.append((line.start() + min(indent, own), content))
    return _gathered(parts, end, indent=None if is_folded else " " * indent)


def _plain(text: str, start: int, end: int, indent: int) -> Iterator[Piece]:
    """A plain scalar; it ends before a comment, and lines are folded."""
    comment = re.compile(r"\s#").search(text, start, end)
    stop = comment.start() if comment else end

    def convert(new: str) -> tuple[int, int, str]:
        lines = new.rstrip("\n").split("\n")
        return start, stop, "|-" + "".join(f"\n{' ' * (indent + 2)}{line}" for line in lines)

    if CLIENT.search(text, start, end) and stop > start:
        yield _unescaped(
            text,
            (start, stop),
            r"\n[ \t]*",
            lambda _fold: " ",
            convert=None if comment else convert,
            needs_conversion=lambda new: bool(re.search(r":(\s|$)|\s#|^[\[\]{}&*!|>%@`\"']", new)),
        )


def _quoted(text: str, start: int, quote: str) -> Iterator[Piece]:
    is_single = quote == "'"
    pattern = r"'((?:[^']|'')*)'" if is_single else r"\"((?:[^\\\"]|\\.)*)\""
    match = re.compile(pattern, re.DOTALL).match(text, start)
    if match is not None and CLIENT.search(match[0]):
        escaped = r"''|\n" if is_single else rf"{_BACKSLASHED}|\n"
        escape = _for_single_quotes if is_single else _for_double_quotes
        yield _unescaped(text, match.span(1), escaped, _meant_in_quotes, escape=escape)


def _meant_in_quotes(escaped: str) -> str:
    """What an escape or the end of a line means in a quoted scalar."""
    return {"\n": " ", "''": "'"}.get(escaped) or _meant(escaped)


def _for_single_quotes(new: str) -> str:
    return new.replace("'", "''")


def _for_double_quotes(new: str) -> str:
    return new.replace("\\", "\\\\").replace('"', '\\"')


_READERS: dict[str, Callable[[str], Iterator[Piece]]] = {
    "shell": _shell,
    "make": _make,
    "docker": _docker,
    "groovy": _groovy,
    "markdown": _markdown,
    "yaml": _yaml,
}
