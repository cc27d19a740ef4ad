"""From a file to its findings: each call of a retired or retiring route, and what to write
instead."""

import ast
import re
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from hubv1.api.names import is_tag, repository_or_none
from hubv1.api.routes import Listing, route_named
from hubv1.replacements import change_for as change_of
from hubv1.replacements import replacement, successor_for
from hubv1.source.bash import Atom, Command, Script, Stage
from hubv1.source.embedded import CLIENT, language_of, pieces_of
from hubv1.source.expressions import Expression, Expressions, Part, Resolved, interpolation
from hubv1.source.fixes import Context, change_for
from hubv1.source.patches import Fix, fix_of
from hubv1.source.targets import (
    Target,
    asks_hub,
    base_target,
    is_base,
    is_host,
    target_of,
)
from hubv1.source.tree import Looked, SourceFile
from hubv1.source.uses import Does, does, is_message_of, words
from hubv1.text import readable as from_wire

_MENTIONING = words("echo printf grep egrep fgrep rg ag ack sed awk export test ")
_FETCHING = {"xargs", "curl", "wget", "sh", "bash", "parallel"}
_IGNORE = re.compile(r"hub-v1:\s*ignore\b(.*)")
_CRLF = re.compile(r"(\\?)\r\n")
_LONGEST_LINE = 1_000
_LARGEST_PARSED = 1 << 20
"""Characters of a file that is parsed: what is larger was written by no person."""
_LONGEST_COMMENT = 20_000
_COMMENT_ALONE = re.compile(r"\s*(?:#|//|/\*|<!--|--|;|\*|@?REM\b)")
_HASH = words(
    "py rb yaml yml tf hcl toml ini cfg conf ps1 psm1 r pl pm ex exs docker make shell "
    "properties env nix jl cmake bzl php tcl fish "
)
_DASHES = words(
    "js jsx ts tsx mjs cjs mts go java kt kts c h cc cpp cs rs scala swift php groovy dart "
    "proto tf hcl vue svelte jsonc json5 "
)
_SEMICOLONS = words("ini cfg clj cljs edn el lisp scm ")
_BATCH_COMMENT = re.compile(r"\s*(?:@?rem\s|::)", re.IGNORECASE)
_TEXTS = re.compile(
    r"(?i)(?:.*/)?(?:readme|changes|changelog|history|news|notes|todo)|.*\.(?:adoc|asciidoc)"
)
"""Names of files that are prose, but for lines with a command."""
_BLOCKS = (
    ("/*", "*/", _DASHES),
    ("<!--", "-->", {"html", "htm", "xml", "svg", "vue"}),
    ("<#", "#>", {"ps1", "psm1"}),
    ("{-", "-}", {"hs"}),
)
_METHOD_BEFORE = re.compile(
    r"(?:[.\s](post|put|patch|delete|head)\w*\s*\(\s*(?:new\s+)?[\w.(]*|"
    r"[\"'](POST|PUT|PATCH|DELETE|HEAD)[\"']\s*,\s*(?:fmt\.Sprintf\()?)"
    r"[a-zA-Z@$]{0,2}[\"'`]?(?:https?:)?/{0,2}$",
    re.IGNORECASE,
)
_METHOD_AFTER = re.compile(
    r"[\"']?\b(?:method|type)[\"']?\s*[:=]\s*[\"'](\w+)[\"']|-Method\s+(\w+)", re.IGNORECASE
)


@dataclass(slots=True)
class Finding:
    """A place that calls a route."""

    file: str
    line: int
    target: Target
    does: Does
    text: str
    """The line."""
    before: str = ""
    after: str = ""
    fix: Fix | None = None
    replacement: str = ""
    calls: int | None = None
    """How many were made, where a journal or report was given."""
    callers: list[str] = field(default_factory=list)
    last_seen: datetime | None = None

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What tells it from others, wherever in its file it moves to."""
        target = self.target
        return self.file, target.kind, target.route, target.repository, str(self.does)


@dataclass(slots=True)
class _Site:
    """A call, and where in the file it is."""

    at: int
    target: Target
    does: Does = Does.UNKNOWN
    context: Context | None = None
    own: frozenset[int] = frozenset()
    """The lines that it is made of."""

    @property
    def lines(self) -> frozenset[int]:
        """Lines on which a comment may leave it out."""
        return self.own | {line - 1 for line in self.own}


def find(source: SourceFile, looked: Looked, *, skopeo: bool = False) -> list[Finding]:
    """The findings of a file, from its beginning to its end."""
    scan = _FileScan(source, looked, skopeo=skopeo)
    looked.skipped["ends of files with too many addresses"] += scan.expressions.is_cut
    return [] if not scan.expressions.found else scan.findings()


class _FileScan:
    """One file."""

    def __init__(self, source: SourceFile, looked: Looked, *, skopeo: bool) -> None:
        self.source, self.looked, self.skopeo = source, looked, skopeo
        # Each character stays where it is in the file.
        self.text = _CRLF.sub(lambda end: " \\\n" if end[1] else "\n\n", source.text)
        self.expressions = Expressions(self.text)
        self.language = language_of(source.name, source.text)
        self._done: set[int] = set()
        """Expressions that a call is made of, or that call nothing."""
        self._lines = [0, *(match.end() for match in re.finditer("\n", source.text))]

    def findings(self) -> list[Finding]:
        sites = [*self._of_shell(), *self._of_text()]
        sites.sort(key=lambda site: (site.at, site.target.route))
        return [finding for site in sites if (finding := self._finding(site)) is not None]

    def line_of(self, at: int) -> int:
        """The number of the line that a place is on."""
        return bisect_right(self._lines, at)

    # Shell.

    def _of_shell(self) -> Iterator[_Site]:
        names = "|".join(map(re.escape, self.expressions.constants)) or r"(?!)"
        worth = re.compile(
            rf"docker\.(?:io|com)|repositories|users/|\$\{{?(?:{names})\b", re.IGNORECASE
        )
        is_parsed = len(self.text) <= _LARGEST_PARSED
        for piece in pieces_of(self.language, self.text) if is_parsed else ():
            if not worth.search(piece.text):
                continue
            script = Script(piece)
            for start, end in script.comments:
                self._take(piece.origin[start], piece.origin[end], is_mention=True)
            for node in script.commands:
                if worth.search(script.text_at(node)):
                    yield from self._of_command(script, script.stage(node))

    def _of_command(self, script: Script, stage: Stage) -> Iterator[_Site]:
        command, origin = stage.command, script.piece.origin
        fetches = any(each is None or each.name in _FETCHING for each in stage.after)
        is_mention = command.name in _MENTIONING and not fetches
        is_shown = is_mention and is_message_of(stage)
        method = _method_of(command)
        token = any("X-Docker-Token" in each for each in command.arguments)
        for number, word in enumerate(command.words):
            parts = [self._part(script, atom) for atom in word]
            is_message = is_shown and all(atom.part.name != "" for atom in word)
            for resolved in self.expressions.resolve(parts):
                target = target_of(resolved, method, self.expressions, docker_token=token)
                span = origin[word[0].start], origin[word[-1].end]
                if target is None:
                    if is_message or asks_hub(resolved):  # of a PATCH, say
                        self._take(*span, is_mention=is_message)
                    continue
                self._take(*span, is_mention=is_mention, of=resolved.of)
                if not is_mention:
                    context = Context(
                        script, stage, target, self.expressions, self.language, number, self.skopeo
                    )
                    found = does(script, stage, target.listing)
                    at = origin[command.node.start_byte]
                    is_fixable = self._is_local(resolved, at)
                    lines = self._near(at, span[0], *(each.start for each in resolved.of))
                    yield _Site(at, target, found, context if is_fixable else None, lines)
                break

    def _part(self, script: Script, atom: Atom) -> Part:
        if atom.part.name not in script.piece.textual:
            return atom.part
        return interpolation(script.piece.source(atom.start, atom.end, self.text))

    def _is_local(self, resolved: Resolved, at: int) -> bool:
        """Whether the variables in constants still have the value that they had there."""
        for constant in resolved.of:
            between = self.text[constant.end : at]
            for part in constant.parts:
                if part.name is None or part.name in self.expressions.constants:
                    continue
                if part.name.isdigit() and re.search(r"\(\)|\n\}|\bfunction\b", between):
                    return False
                if re.search(rf"\b{re.escape(part.name)}=|\bread\b.*\b{part.name}\b", between):
                    return False
        return True

    def _take(
        self, start: int, end: int, *, is_mention: bool, of: Iterable[Expression] = ()
    ) -> None:
        """Mark what is in a part of the file as done with."""
        for each in self.expressions.found:
            if each.start < end and start < each.end and each.start not in self._done:
                self._done.add(each.start)
                self.looked.mentions += is_mention and self._target(each) is not None
        self._done |= {each.start for each in of}

    # Everything else.

    def _of_text(self) -> Iterator[_Site]:
        prose = _Prose(self.source.name, self.text, self.language)
        extended = set[int]()
        bases: list[Expression] = []
        has_host = False
        for expression in self.expressions.found:
            if expression.start in self._done:
                continue
            target = self._target(expression)
            if prose.holds(expression.start):
                self.looked.mentions += target is not None
                continue
            resolved = self.expressions.resolve(expression.parts)
            extended |= {constant.start for each in resolved for constant in each.of}
            has_host |= any(map(is_host, resolved))
            if target is not None:
                yield from self._sites(expression, target, resolved)
            elif any(map(is_base, resolved)):
                bases.append(expression)
        unused = (each.start for each in bases if each.start not in extended | self._done)
        yield from (_Site(at, base_target(), own=self._near(at)) for at in unused)
        if has_host:
            yield from self._relative(prose)

    def _relative(self, prose: "_Prose") -> Iterator[_Site]:
        """Paths alone, in a file that has a host of Hub's alone."""
        for expression in self.expressions.found:
            if expression.start in self._done or not expression.is_string_start:
                continue
            for resolved in self.expressions.resolve(expression.parts):
                if not re.match(r"/*v1/+repositories/", resolved.text):
                    continue
                whole = Resolved(
                    f"index.docker.io/{resolved.text.lstrip('/')}", resolved.holes, resolved.of
                )
                target = target_of(whole, self._method(expression), self.expressions)
                if target is not None and not prose.holds(expression.start):
                    yield from self._sites(expression, target, [resolved])
                break

    def _target(self, expression: Expression) -> Target | None:
        method = self._method(expression)
        token = "X-Docker-Token" in self.text[expression.start - 200 : expression.end + 200]
        for resolved in self.expressions.resolve(expression.parts):
            found = target_of(resolved, method, self.expressions, docker_token=token)
            if found is not None:
                return found
        return None

    def _sites(
        self, expression: Expression, target: Target, resolved: Iterable[Resolved]
    ) -> Iterator[_Site]:
        constants = [constant.start for each in resolved for constant in each.of]
        for at in self.expressions.requests(expression) or [expression.start]:
            yield _Site(at, target, own=self._near(at, expression.start, *constants))

    def _method(self, expression: Expression) -> str:
        text = self.source.text
        before = text[max(0, expression.start - 120) : expression.start]
        after = text[expression.end : expression.end + 300].partition("\n\n")[0]
        found = _METHOD_BEFORE.search(before)
        later = _METHOD_AFTER.search(after) or _METHOD_AFTER.search(before[-60:])
        name = (found[1] or found[2]) if found else (later[1] or later[2]) if later else "GET"
        return str(name).upper()

    # What becomes of a site.

    def _near(self, *places: int) -> frozenset[int]:
        return frozenset(map(self.line_of, places))

    def _finding(self, site: _Site) -> Finding | None:
        line = self.line_of(site.at)
        if self._is_ignored(site):
            return None
        fix = None
        if site.context is not None and not self.source.is_recoded:
            change = change_for(site.context)
            fix = fix_of(change, site.context.piece, self.source) if change else None
            fix = None if fix and self._has_other_ends(fix) else fix
        return Finding(
            self.source.name,
            line,
            site.target,
            site.does,
            self._line(line),
            self._line(line - 1),
            self._line(line + 1),
            fix,
            replacement_for(site.target, site.does, self.language),
        )

    def _has_other_ends(self, fix: Fix) -> bool:
        """Whether the lines that are changed end as they do on Windows, which new ones do not."""
        text = self.source.text
        start = min(each.start for each in fix.edits)
        end = text.find("\n", max(each.end for each in fix.edits))
        return "\r" in text[start : end if end >= 0 else None]

    def _line(self, number: int) -> str:
        if not 0 < number <= len(self._lines):
            return ""
        end = self._lines[number] if number < len(self._lines) else len(self.text)
        start = self._lines[number - 1]
        return readable(self.text[start : min(end, start + 4 * _LONGEST_LINE)].rstrip("\r\n"))

    def _is_ignored(self, site: _Site) -> bool:
        for number in sorted(site.lines):
            comment = _IGNORE.search(self._line(number))
            if comment is None:
                continue
            is_alone = _COMMENT_ALONE.match(self._line(number)) is not None
            # On a line of its own it is about the next line, else about its own.
            if (number + is_alone) not in site.own:
                continue
            if re.search(r"\w", comment[1]):
                self.looked.ignored += 1
                return True
            self.looked.unexplained.append(f"{self.source.name}:{number}")
        return False


_LINE_COMMENTS = (
    ("#", _HASH),
    ("//", _DASHES),
    ("--", {"sql", "lua", "hs"}),
    (";", _SEMICOLONS),
)


class _Prose:
    """Which parts of a file are comments, docstrings or text between code."""

    def __init__(self, name: str, text: str, language: str) -> None:
        self._text, self._language = text, language
        self._is_text = _TEXTS.fullmatch(name) is not None
        self._spans = _docstrings(text) if language == "py" and len(text) <= _LARGEST_PARSED else []
        if language == "markdown":
            fences = r"^[ \t>]*(`{3,}+|~{3,}+)[^\n]*\n(?:.*?)^[ \t>]*\1|^(?: {4}|\t).*$"
            self._code = [
                match.span() for match in re.finditer(fences, text, re.MULTILINE | re.DOTALL)
            ]

    def holds(self, at: int) -> bool:
        """Whether that place is in one."""
        text, language = self._text, self._language
        # What stands far to the right in a line is in no comment: that line is no person's.
        start = text.rfind("\n", max(0, at - _LONGEST_LINE), at) + 1
        before = text[start:at] if start or at <= _LONGEST_LINE else ""
        if language == "markdown":
            return not any(start <= at < end for start, end in self._code)
        if language == "rst" and not before[:1].isspace():
            return True
        if self._is_text and not CLIENT.search(before):
            return True
        if language in {"bat", "cmd"} and _BATCH_COMMENT.match(before):
            return True
        return (
            any(start <= at < end for start, end in self._spans)
            or any(
                language in languages and _is_after(sign, before)
                for sign, languages in _LINE_COMMENTS
            )
            or any(
                language in languages and self._is_between(opening, closing, at)
                for opening, closing, languages in _BLOCKS
            )
        )

    def _is_between(self, opening: str, closing: str, at: int) -> bool:
        start = max(0, at - _LONGEST_COMMENT)
        opened = self._text.rfind(opening, start, at)
        is_open = opened > self._text.rfind(closing, start, at)
        return is_open and (opened == 0 or self._text[opened - 1].isspace())


def _is_after(sign: str, before: str) -> bool:
    """Whether the sign of a comment stands in the beginning of a line, outside of strings."""
    quote = ""
    for at, char in enumerate(before):
        if quote:
            if char == quote and before[at - 1] != "\\":
                quote = ""
        elif char in "\"'`":
            quote = char
        elif before.startswith(sign, at) and (at == 0 or before[at - 1] in " \t;,){}("):
            return True
    return False


def _docstrings(text: str) -> list[tuple[int, int]]:
    """The strings of a Python file that are nothing but text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.encode("latin-1"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    spans = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            value = node.value
            if isinstance(value.value, str) and value.end_lineno and value.end_col_offset:
                begin = starts[value.lineno - 1] + value.col_offset
                spans.append((begin, starts[value.end_lineno - 1] + value.end_col_offset))
    return spans


def _method_of(command: Command) -> str:
    given = command.arguments
    for word, following in zip(given, (*given[1:], ""), strict=False):
        if word in {"-X", "--request"}:
            return following.upper()
        if found := re.fullmatch(r"(?:-\w*X|--request=|--method=)([A-Z]+)", word):
            return found[1]
        if re.fullmatch(r"-[sSfLk]*I[sSfLk]*|--head|--spider", word):
            return "HEAD"
    is_post = any(re.match(r"-d|--data|--json|--post-(?:data|file)|-F$", word) for word in given)
    if command.name in {"http", "https", "xh"} and given and given[0].isupper():
        return given[0]
    return "POST" if is_post and not {"-G", "--get"} & {*given} else "GET"


def replacement_for(target: Target, what: Does, language: str) -> str:
    """What to write instead, to read: a sentence, and code for what the call is made for."""
    if target.row is None:
        return target.instead
    namespace, _, name = target.repository.partition("/")
    repository = repository_or_none(namespace, name)
    row = target.row
    is_existence = what in {Does.BY_TEXT, Does.BY_STATUS} and target.listing is Listing.TAGS
    if is_existence:
        row = route_named("GET /v1/repositories/{namespace}/{name}/tags/{tag_name}")
    tag = "".join(each if isinstance(each, str) else "" for each in target.tag)
    known = all(isinstance(each, str) for each in target.tag) and is_tag(tag)
    found = replacement(row, repository, tag if known else "", signed=False, paged=False)
    sentences = [found.instead]
    if what is Does.COUNTS and target.listing is Listing.TAGS:
        names = {"namespace": "NAMESPACE", "repository": "REPOSITORY"}  # where they are not known
        page = successor_for(row, repository).format_map(names)
        sentences = [f"Read count of a page of v2: {page}?page_size=1"]
    if row.listing is Listing.TAG:
        sentences.append("Build what is missing on 404 alone.")
    if what is Does.NEWEST:
        sentences.append("Sort the names: v2 has no dependable order.")
    wanted = "python" if language == "py" else "bash"
    codes = [each.code for each in found.snippets if each.language == wanted]
    if not found.snippets and not found.instead:
        sentences.append(change_of(row, repository))
    return "\n\n".join([" ".join(filter(None, sentences)), *codes[:1]]).rstrip("\n")


def readable(text: str) -> str:
    """Bytes of a file, a character each, as the text that they are."""
    return from_wire(text.encode("latin-1", "replace"))
