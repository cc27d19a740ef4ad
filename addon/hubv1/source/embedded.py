"""The shell lines of a file: of a script, and those within YAML, Makefiles, Dockerfiles,
Jenkinsfiles and Markdown.

A Piece is shell as a shell would get it, and knows for each of its characters where in the file
that is, and how to write a change back.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

_SHEBANG = re.compile(r"#!.*\b(?:ba|da|k|z|a|)sh\b")
_SHELL_SUFFIXES = {".sh", ".bash", ".zsh", ".ksh", ".dash", ".bats", ".ebuild", ".env", ".envrc"}
_SHELL_NAMES = re.compile(
    r"\.?(?:bash|zsh|k)?(?:rc|_profile|profile|_aliases|env)|(?:APK|PKG)BUILD"
)
_TEMPLATES = {".j2", ".jinja", ".jinja2", ".tpl", ".tmpl", ".template", ".in", ".erb", ".dist"}
_CLIENT = re.compile(r"\b(?:curl|wget|https?|xh|aria2c|lynx|fetch|skopeo)\s")
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
    if not suffix and not text.startswith("#!") and _CLIENT.search(text):
        return "shell"
    return suffix.removeprefix(".")


def pieces_of(language: str, text: str) -> Iterator[Piece]:
    """The shell in a file."""
    read = _READERS.get(language)
    for piece in read(text) if read else ():
        if _CLIENT.search(piece.text) or language == "shell":
            yield _without_templates(piece)


def _without_templates(piece: Piece) -> Piece:
    """The piece with variables in the place of what a template puts in; each keeps its length."""
    textual = set(piece.textual)

    def variable(match: re.Match[str]) -> str:
        name = "_" * (len(match[0]) - 3)
        inner = re.fullmatch(r"\W*(?:\w+\.)*(\w+)\W*", match[0])
        if inner is not None and len(inner[1]) <= len(name):
            name = inner[1] + "_" * (len(name) - len(inner[1]))
        textual.add(name)
        return "${" + name + "}"

    piece.text = _TEXTUAL.sub(variable, piece.text)
    piece.textual = frozenset(textual)
    return piece


def _shell(text: str) -> Iterator[Piece]:
    yield Piece(text, [*range(len(text) + 1)], indent="")


_OF_MAKE = re.compile(r"\$\((\w+)\)|\$\{(\w+)\}|\$\(((?:[^()]|\([^()]*\))*)\)")


def _make(text: str) -> Iterator[Piece]:
    """Recipe lines, and what $(shell …) runs."""
    for match in re.finditer(r"^\t[@+-]*((?:[^\n\\]|\\.|\\\n)*)", text, re.MULTILINE | re.DOTALL):
        if _CLIENT.search(match[1]):
            yield _make_piece(text, match.start(1), match.end(1))
    for match in re.finditer(r"^[^\t\n#].*?\$\(shell\s+", text, re.MULTILINE):
        depth, end = 1, match.end()
        while end < len(text) and depth:
            depth += (text[end] == "(") - (text[end] == ")")
            end += 1
        yield _make_piece(text, match.end(), end - 1)


def _make_piece(text: str, start: int, end: int) -> Piece:
    """Shell as make passes it on: `$$` is a dollar, and variables of make's are put in."""
    made, origin, textual = [], [], set()
    at = start
    while at < end:
        reference = _OF_MAKE.match(text, at, end)
        if text.startswith("$$", at):
            made.append("$")
            origin.append(at)
            at += 2
        elif reference is not None:
            length = len(reference[0]) - 3
            name = reference[1] or reference[2] or "_" * length
            textual.add(name)
            made += [*("${" + name + "}")]
            origin += range(at, at + len(reference[0]))
            at = reference.end()
        else:
            made.append(text[at])
            origin.append(at)
            at += 1
    return Piece("".join(made), [*origin, end], _for_make, textual=frozenset(textual))


def _for_make(new: str) -> str:
    return new.replace("$", "$$")


def _docker(text: str) -> Iterator[Piece]:
    """What RUN and the like run, and here-documents of RUN."""
    instruction = re.compile(
        r"^[ \t]*(?:ONBUILD\s+)?(?:RUN|CMD|ENTRYPOINT|HEALTHCHECK\s.*?CMD)\s+"
        r"((?:--\w+=\S+\s+)*)((?:[^\n\\]|\\[^\n]|\\[ \t]*\n(?:[ \t]*#.*\n)*)*)",
        re.MULTILINE | re.IGNORECASE,
    )
    for match in instruction.finditer(text):
        here = re.match(r"<<-?[\"']?(\w+)[\"']?", match[2])
        if here is not None:
            end = re.compile(rf"^[ \t]*{here[1]}[ \t]*$", re.MULTILINE).search(text, match.end())
            stop = end.start() if end else len(text)
            yield _part(text, match.end(), stop)
        elif not match[2].startswith("["):
            made, origin = "", list[int]()
            comments = [
                range(match.start(2) + each.start(), match.start(2) + each.end())
                for each in re.finditer(r"(?<=\n)[ \t]*#.*\n", match[2])
            ]
            for at in range(match.start(2), match.end(2)):
                if not any(at in each for each in comments):
                    made += text[at]
                    origin.append(at)
            yield Piece(made, [*origin, match.end(2)])


def _part(text: str, start: int, end: int) -> Piece:
    return Piece(text[start:end], [*range(start, end + 1)], indent="")


def _groovy(text: str) -> Iterator[Piece]:
    """What `sh` runs."""
    step = re.compile(
        r"\bsh\b\s*\(?\s*(?:\w+\s*:\s*(?:true|false|'[^'\n]*'|\"[^\"\n]*\")\s*,\s*)*(?:script\s*:\s*)?"
        r"('''|\"\"\"|'|\")((?:[^\\]|\\.)*?)\1",
        re.DOTALL,
    )
    for match in step.finditer(text):
        made, origin = [], []
        at = match.start(2)
        while at < match.end(2):
            is_escape = text[at] == "\\" and at + 1 < match.end(2)
            char = text[at + is_escape]
            if is_escape:
                char = {"n": "\n", "t": "\t", "\n": ""}.get(char, char)
            if char:
                made.append(char)
                origin.append(at)
            at += 1 + is_escape
        textual = frozenset(re.findall(r"(?<!\\)\$\{?(\w+)", match[2]) if '"' in match[1] else ())
        yield Piece("".join(made), [*origin, match.end(2)], _for_groovy(match[1]), textual=textual)


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
        r"^([ \t>]*)(`{3,}|~{3,})[ \t{.]*([\w-]*)[^\n]*\n(.*?)^[ \t>]*\2", re.MULTILINE | re.DOTALL
    )
    shells = {"", "sh", "bash", "shell", "zsh", "console", "text", "shell-session", "terminal"}
    for match in fence.finditer(text):
        if match[3].lower() in shells and _CLIENT.search(match[4]):
            yield _block(text, match.start(4), match.end(4), len(match[1]))
    for match in re.finditer(r"(?<!`)`([^`\n]+)`(?!`)", text):
        if _CLIENT.match(match[1]):
            yield Piece(match[1], [*range(match.start(1), match.end(1) + 1)])
    for match in re.finditer(r"(?:^(?: {4}|\t).*\n?)+", text, re.MULTILINE):
        if _CLIENT.search(match[0]):
            yield _block(text, match.start(), match.end(), 0)


def _block(text: str, start: int, end: int, indent: int) -> Piece:
    made, origin, at = "", list[int](), start
    has_prompts = re.search(r"^[ \t>]*\$ ", text[start:end], re.MULTILINE) is not None
    was_continued = False
    for line in text[start:end].splitlines(keepends=True):
        prompt = re.match(r"[ \t>]*[$#%>] ", line)
        skip = len(prompt[0]) if prompt else min(indent, len(line) - len(line.lstrip()))
        if prompt or was_continued or not has_prompts:
            made += line[skip:]
            origin += range(at + skip, at + len(line))
            was_continued = line.rstrip().endswith(("\\", "|"))
        at += len(line)
    return Piece(made, [*origin, end])


_KEY = r"(?:[\w./-]+|\"[^\"\n]*\"|'[^'\n]*')[ \t]*:(?=[ \t]|$)"
_ENTRY = re.compile(rf"^([ ]*(?:-[ ]+)*)({_KEY}[ \t]*)?(?:[&!][\w!<>-]+[ \t]+)*(.*)$", re.MULTILINE)
_BLOCK_SCALAR = re.compile(r"([|>])[+-]?\d?[+-]?[ \t]*(?:#.*)?$")


def _yaml(text: str) -> Iterator[Piece]:
    """Scalars of every style."""
    at = 0
    while at < len(text):
        entry = _ENTRY.match(text, at)
        if entry is None:  # the end of the text alone
            return
        value, indent = entry[3], len(re.match(r" *", entry[1])[0])  # type: ignore[index]  # matches nothing too
        indent += 0 if entry[2] else len(entry[1]) - indent - 1
        end = _end_of_value(text, entry.end(), len(entry[1]) - len(entry[1].lstrip(" ")))
        scalar = _BLOCK_SCALAR.match(value)
        if scalar is not None:
            if _CLIENT.search(text, entry.end(), end):
                start = min(entry.end() + 1, end)
                yield _block_scalar(text, start, end, is_folded=scalar[1] == ">")
        elif value[:1] in {"'", '"'}:
            yield from _quoted(text, entry.start(3), entry.start(), value[0])
            end = entry.end() + 1
        elif value and value[0] not in "#{[&*":
            following = text[entry.end() : end]
            is_plain = not re.search(rf"^[ ]*(?:- |{_KEY})", following, re.MULTILINE)
            start = entry.start(3)
            stop = start + len(text[start : end if is_plain else entry.end()].rstrip())
            yield from _plain(text, start, stop, len(entry[1]))
            end = end if is_plain else entry.end() + 1
        else:
            end = entry.end() + 1
        at = max(end, entry.end() + 1)


def _end_of_value(text: str, at: int, indent: int) -> int:
    """Where the lines end that are indented more than that."""
    line = re.compile(rf"(?:[ \t]*\n| {{{indent + 1}}}[^\n]*(?:\n|$))*")
    following = line.match(text, at + 1)
    return min(following.end() if following else at + 1, len(text))


def _block_scalar(text: str, start: int, end: int, *, is_folded: bool) -> Piece:
    lines = text[start:end].splitlines(keepends=True)
    indents = [len(line) - len(line.lstrip(" ")) for line in lines if line.strip()]
    indent = min(indents[:1] or [0])
    made, origin, at = "", list[int](), start
    for line in lines:
        skip = min(indent, len(line) - len(line.lstrip(" ")))
        content = line[skip:]
        if is_folded and content.strip() and content.endswith("\n"):
            content = content[:-1] + " "
        made += content
        origin += range(at + skip, at + len(line))
        at += len(line)
    return Piece(made, [*origin, end], indent=None if is_folded else " " * indent)


def _plain(text: str, start: int, end: int, indent: int) -> Iterator[Piece]:
    """A plain scalar; it ends before a comment, and lines are folded."""
    if not _CLIENT.search(text, start, end):
        return
    comment = re.search(r"\s#", text[start:end])
    end = start + comment.start() if comment else end
    made, origin = "", []
    for match in re.finditer(r"[^\n]|\n[ \t]*", text[start:end]):
        made += " " if match[0][0] == "\n" else match[0]
        origin.append(start + match.start())

    def convert(new: str) -> tuple[int, int, str]:
        lines = new.rstrip("\n").split("\n")
        return start, end, "|-" + "".join(f"\n{' ' * (indent + 2)}{line}" for line in lines)

    if made:
        yield Piece(
            made,
            [*origin, end],
            convert=None if comment else convert,
            needs_conversion=lambda new: bool(re.search(r":(\s|$)|\s#|^[\[\]{}&*!|>%@`\"']", new)),
        )


def _quoted(text: str, start: int, line_start: int, quote: str) -> Iterator[Piece]:
    del line_start
    pattern = r"'((?:[^']|'')*)'" if quote == "'" else r"\"((?:[^\\\"]|\\.)*)\""
    match = re.compile(pattern, re.DOTALL).match(text, start)
    if match is None or not _CLIENT.search(match[0]):
        return
    made, origin, at = [], [], match.start(1)
    while at < match.end(1):
        is_escape = (quote == '"' and text[at] == "\\") or text.startswith("''", at)
        char = text[at + is_escape]
        if is_escape and quote == '"':
            char = {"n": "\n", "t": "\t", "r": "\r", "\n": ""}.get(char, char)
        if char:
            made.append(" " if char == "\n" and not is_escape else char)
            origin.append(at)
        at += 1 + is_escape
    escape = _for_single_quotes if quote == "'" else _for_double_quotes
    yield Piece("".join(made), [*origin, match.end(1)], escape)


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
