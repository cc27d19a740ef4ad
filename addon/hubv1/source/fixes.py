"""Whether a call is an idiom that is known, and the change to it.

The new lines use what the script uses already: curl or wget, and jq where it has jq.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hubv1.api.names import OFFICIAL_NAMESPACE
from hubv1.api.routes import Listing
from hubv1.source.bash import Atom, Script, Stage, text_of
from hubv1.source.embedded import Piece
from hubv1.source.expressions import Expressions, Part
from hubv1.source.idioms import BY_404, COUNT, NOT_404, Idiom
from hubv1.source.matching import Fetch, canonical, fetch_of, reader_of
from hubv1.source.targets import Target
from hubv1.source.uses import words

_SORTED = """\
if test("\\r\\nlink:"; "i") then error("the list has more pages")
    else split("\\r\\n\\r\\n")[-1] | fromjson end |
    if has("tags") then .tags // [] else error("no list of tags") end |
    sort_by(. != "latest", .)"""
_NAMES_OF = """\
awk 'tolower($1) == "link:" { exit }
    sub(/.*"tags": *(\\[|null)/, "") { gsub(/[]}].*|[" ]/, ""); gsub(/,/, "\\n"); print }' |
  LC_ALL=C sort |
  awk 'NF { names[++n] = $0 } $0 == "latest" { %(line)s; names[n--] = "" }
    END { for (i = 1; i <= n; i++) { $0 = names[i]; %(line)s }; exit !NR }'"""
_COUNT_OF = """\
awk 'tolower($1) == "link:" { exit }
    sub(/.*"tags": *(\\[|null)/, "") { gsub(/[]}].*/, ""); n = split($0, names, ","); found = 1 }
    END { if (!found) exit 1; print n }'"""
_NO_ANSWER = "Docker Hub did not say whether the tag exists"
_AUTH = "https://auth.docker.io/token?service=registry.docker.io&scope=repository:"
_REGISTRY = "https://registry-1.docker.io/v2/"
_HUB = "https://hub.docker.com/v2/namespaces/"

Text = tuple[str | Part, ...]
"""New text: of ours, and parts that stay as they stand. Where ours has a line break, all of it may
be on one line as well; a backslash before it goes with it then."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A change to a piece of shell."""

    start: int
    end: int
    text: Text


@dataclass(frozen=True, slots=True)
class Change:
    """What a fix does to a piece."""

    idiom: str
    edits: tuple[Edit, ...]
    differs: str


@dataclass(frozen=True, slots=True)
class Context:
    """What a change needs to know of the call."""

    script: Script
    stage: Stage
    target: Target
    expressions: Expressions
    language: str
    number: int
    """Which of the words is the URL."""
    skopeo: bool = False
    """Whether the user prefers skopeo."""

    @property
    def piece(self) -> Piece:
        """What the call stands in."""
        return self.script.piece


def change_for(context: Context) -> Change | None:
    """The change to a call; None where it is no idiom that is known."""
    stage, target = context.stage, context.target
    fetch = fetch_of(stage.command, context.number)
    if fetch is None or not stage.is_first or stage.is_loop or stage.is_in_string:
        return None
    if not _is_simple(target):
        return None
    if target.listing is Listing.TAGS:
        return _in_list(context, fetch) or _reader(context, fetch)
    if target.listing is Listing.TAG:
        return _text(context, fetch) or _code(context, fetch) or _status(context, fetch)
    return None


def _is_simple(target: Target) -> bool:
    """Whether the URL has literals and plain variables alone."""
    pieces = [piece for each in (*target.segments, target.tag) for piece in each]
    return 0 < len(target.segments) < 3 and all(map(_is_plain, pieces))


def _is_plain(part: str | Part) -> bool:
    if isinstance(part, str):
        return re.fullmatch(r"[A-Za-z0-9._:-]+", part) is not None
    return bool(part.name) and bool(
        re.fullmatch(
            r"\$\w+|\$\{\w+\}|\$\(\w+\)|\$?\{\{\s*[\w.]+\s*\}\}|<%=\s*[\w.@]+\s*%>", part.text
        )
    )


def _reader(context: Context, fetch: Fetch) -> Change | None:
    """The change to a list that is read."""
    found = reader_of(context.stage)
    if found is None or fetch.output != "-" or fetch.write_out or "I" in fetch.flags:
        return None
    idiom, number = found
    last = context.stage.after[number - 1]
    assert last is not None  # noqa: S101  # since it is one that is known
    prefix, repository = _repository(context)
    text = _list(context, fetch, idiom, repository)
    rest = context.stage.after[number:]
    end = last.node.end_byte
    if text is None or (rest and idiom.awk == COUNT) or _hides_failure(context):
        return None
    if rest:
        names = _free_name(context, "names")
        ending = "return" if context.stage.function and not _is_test(context) else "exit"
        prefix = [*prefix, (f"{names}=$(", *text, f") || {ending} 1")]
        text = (f'printf "${{{names}:+%s\\\\n}}" "${names}"',)
    return Change(idiom.name, _placed(context, prefix, text, end), idiom.differs)


def _hides_failure(context: Context) -> bool:
    """Whether a list that cannot be had would pass for one without the name that is looked for."""
    stage = context.stage
    if stage.is_tested:
        return True
    has_grep = any(each is not None and each.name.endswith("grep") for each in stage.after[-1:])
    ends_on_failure = re.search(r"\bset -\w*e|\berrexit\b", context.script.text) is not None
    return bool(stage.captured_by) and has_grep and not ends_on_failure


def _is_test(context: Context) -> bool:
    return context.stage.is_condition or any(
        each is None or each.name.endswith("grep") for each in context.stage.after[-1:]
    )


def _list(context: Context, fetch: Fetch, idiom: Idiom, repository: Text) -> Text | None:
    """A pipeline that prints what the idiom does, from the registry; its last command fails where
    the list is not whole."""
    last = context.stage.after[0]
    last = last if last is not None and last.name == "jq" and "." not in last.arguments else None
    # Of jq's arguments all stay but the program.
    options = re.findall(
        r"(?m)^-\w+$|^--raw-output$", "\n".join(last.arguments if last else ["-r"])
    )
    raw = "r" if any("r" in each for each in options) else ""
    has_jq = bool(re.search(r"\bjq\b", context.expressions.text))
    variable: Text = ()
    if idiom.name == "list-jq-contains" and last is not None:
        variable = (" --arg s ", *_word(context, last.words[last.arguments.index("--arg") + 2]))
    if context.skopeo and has_jq:
        jq = f" |\n  jq{' -r' * bool(raw)}"
        program = f" '.Tags | sort_by(. != \"latest\", .){idiom.jq}'"
        return ("skopeo list-tags docker://docker.io/", *repository, jq, *variable, program)
    if has_jq:
        ending: Text = (f"jq -R{raw}s", *variable, f" '{_SORTED}{idiom.jq}'")
        reader = "jq -r .token"
    elif idiom.awk:
        ending = (_COUNT_OF if idiom.awk == COUNT else _NAMES_OF % {"line": idiom.awk},)
        reader = 'sed \'s/.*"token" *: *"\\([^"]*\\)".*/\\1/\''
    else:
        return None
    kept = "".join(f" {each}" for each in fetch.kept)
    follow = "L" if "L" in fetch.flags else ""
    if fetch.tool == "curl":
        token, get = f"curl -fsS{follow}{kept}", f"curl -fsSi{follow}{kept} -H"
    else:
        token, get = f"wget -q -O -{kept}", f"wget -q --save-headers -O -{kept} --header"
    return (
        f'{get} "Authorization: Bearer $({token} \\\n    "{_AUTH}',
        *repository,
        f':pull" |\n    {reader})" \\\n  "{_REGISTRY}',
        *repository,
        '/tags/list" |\n  ',
        *ending,
    )


def _word(context: Context, atoms: Sequence[Atom]) -> Text:
    """A word in double quotes."""
    return ('"', *(_part(context, atom) for atom in atoms), '"')


def _part(context: Context, atom: Atom) -> str | Part:
    part = atom.part
    return part.text if part.name is None else _in_new_text(context, part)


def _in_new_text(context: Context, part: Part) -> str | Part:
    """A variable: as it stands where something puts it in before the shell runs."""
    if part.name in context.piece.textual or not part.text.startswith("$"):
        return part
    if context.language == "make" and part.text not in context.piece.text:
        return part  # of another of make's variables
    return part if part.text.startswith(("$(", "${{")) else f"${{{part.name}}}"


def _repository(context: Context) -> tuple[list[Text], Text]:
    """What has to stand before, and the name of the repository with its namespace."""
    segments = [tuple(_fill(context, each)) for each in context.target.segments]
    if len(segments) == 2:
        return [], (*segments[0], "/", *segments[1])
    literal = _literal(context, context.target.segments[0])
    if literal is not None:
        official = (OFFICIAL_NAMESPACE, "/") if "/" not in literal else ()
        return [], (*official, *segments[0])
    name = _free_name(context, "repository")
    return [
        (f"{name}=", *segments[0]),
        (f"case ${name} in (*/*) ;; (*) {name}={OFFICIAL_NAMESPACE}/${name} ;; esac",),
    ], (f"${{{name}}}",)


def _fill(context: Context, pieces: Sequence[str | Part]) -> Iterator[str | Part]:
    for each in pieces:
        yield each if isinstance(each, str) else _in_new_text(context, each)


def _literal(context: Context, pieces: Sequence[str | Part]) -> str | None:
    """The value of a part of the path, where all its variables have but one."""
    texts = [
        each if isinstance(each, str) else context.expressions.literal(each.name or "", fixed=True)
        for each in pieces
    ]
    return "".join(texts) if all(texts) else None


def _tag_url(context: Context, tag: Text) -> tuple[list[Text], Text]:
    """What has to stand before, and the URL of a tag of v2."""
    prefix, repository = _repository(context)
    if "/" not in repository:
        name = _free_name(context, "repository")
        prefix = prefix or [(f"{name}=", *repository)]
        repository = (f"${{{name}%/*}}", "/", f"${{{name}#*/}}")
    path = ("/repositories/" if each == "/" else each for each in repository)
    return prefix, (_HUB, *path, "/tags/", *tag)


def _code_of(fetch: Fetch, url: Text) -> Text:
    """A command that prints the status of the answer."""
    kept = "".join(f" {each}" for each in fetch.kept)
    if fetch.tool == "wget":
        pattern = "awk '$1 ~ /^HTTP/ { code = $2 } END { print code }'"
        return (f'wget -q -S --spider{kept} "', *url, f'" 2>&1 | {pattern}')
    follow = "L" if "L" in fetch.flags else ""
    return (f"curl -sS{follow}{kept} -o /dev/null -w '%{{http_code}}' \\\n    \"", *url, '"')


def _case(fetch: Fetch, url: Text, missing: int) -> Text:
    absent = "false" if missing == 1 else f"(exit {missing})"
    # Patterns in pairs of brackets do not end `$(…)` of make, or of bash 3.2, which macOS has.
    cases = f"  (200) ;;\n  (404) {absent} ;;\n  (*) echo '{_NO_ANSWER}' >&2; exit 1 ;;"
    return ("case $(", *_code_of(fetch, url), f") in\n{cases}\nesac")


def _status(context: Context, fetch: Fetch) -> Change | None:
    """The change to `curl -f … > /dev/null`."""
    stage = context.stage
    if stage.after or fetch.write_out or stage.captured_by or stage.compared:
        return None
    if fetch.output != "/dev/null" or (fetch.tool == "curl" and "f" not in fetch.flags):
        return None
    prefix, url = _tag_url(context, tuple(_fill(context, context.target.tag)))
    text = _case(fetch, url, 22 if fetch.tool == "curl" else 8)
    name = "exists-curl" if fetch.tool == "curl" else "exists-wget"
    return Change(name, _placed(context, prefix, text, stage.end), BY_404)


def _code(context: Context, fetch: Fetch) -> Change | None:
    """The change to a status code that is compared."""
    stage = context.stage
    is_code = re.fullmatch(r"%\{(http_code|response_code)\}(\\n)?", fetch.write_out)
    if stage.after or not is_code or fetch.output != "/dev/null" or "f" in fetch.flags:
        return None
    prefix, url = _tag_url(context, tuple(_fill(context, context.target.tag)))
    word = stage.command.words[context.number]
    quote = '"'
    address = _word_edit(context, word, (quote, *url, quote))
    edits = _prefixed(context, prefix, address)
    if stage.compared is None:
        is_kept = stage.captured_by and _is_for_404(context)
        return Change("exists-code-in-variable", edits, "") if is_kept else None
    operator, text = stage.compared
    if text == "404":
        return Change("exists-code-404", edits, "")
    opposite = {"=": "!=", "==": "!=", "-eq": "-ne", "!=": "=", "-ne": "-eq"}.get(operator)
    comparison = stage.comparison
    if text != "200" or opposite is None or comparison is None:
        return None
    return Change("exists-code-200", (*edits, *_recompared(context, opposite, "404")), NOT_404)


def _recompared(context: Context, operator: str, text: str) -> Iterator[Edit]:
    comparison = context.stage.comparison
    if comparison is not None:
        old, right = comparison.children[1], comparison.children[-1]
        yield Edit(old.start_byte, old.end_byte, (operator,))
        yield Edit(right.start_byte, right.end_byte, (text,))


def _is_for_404(context: Context) -> bool:
    """Whether the variable that the code is put into is compared to 404 and nothing else."""
    name = re.escape(context.stage.captured_by)
    found = re.findall(
        rf"\$\{{?{name}\}}?[\"']?\s*(?:==?|!=|-eq|-ne)\s*[\"']?(\w+)", context.script.text
    )
    return bool(found) and {*found} == {"404"}


def _text(context: Context, fetch: Fetch) -> Change | None:
    """The change to what looks for `Tag not found` in the answer."""
    stage = context.stage
    if fetch.output != "-" or fetch.write_out or "f" in fetch.flags or fetch.tool != "curl":
        return None
    prefix, url = _tag_url(context, tuple(_fill(context, context.target.tag)))
    if stage.compared and stage.compared[1] == "Tag not found" and not stage.after:
        edits = _placed(context, prefix, _code_of(fetch, url), stage.end)
        operator = stage.compared[0]
        edits += tuple(_recompared(context, operator, "404"))
        return Change("exists-text", edits, "")
    if len(stage.after) != 1 or (last := stage.after[0]) is None or last.redirects:
        return None
    if canonical(last) not in {
        ("grep", "-q", "Tag not found"),
        ("grep", "-F", "-q", "Tag not found"),
    }:
        return None  # fmt: skip
    text = ('[ "$(', *_code_of(fetch, url), ')" = 404 ]')
    return Change("exists-text-grep", _placed(context, prefix, text, stage.end), "")


def _in_list(context: Context, fetch: Fetch) -> Change | None:
    """The change to a search for one name in v1's list."""
    stage = context.stage
    last = stage.after[0] if len(stage.after) == 1 else None
    if last is None or fetch.output != "-" or fetch.write_out or fetch.tool != "curl":
        return None
    name, *words = canonical(last)
    flags = {each for each in words if each.startswith("-")}
    is_quiet = "-q" in flags or last.is_silent
    if name != "grep" or len(words) != len(flags) + 1 or not flags <= {"-q", "-F"} or not is_quiet:
        return None
    atoms = last.words[-1]
    found = re.fullmatch(r'("name": ")([\w.\ue000-]+)"|(")([\w.\ue000-]+)"', text_of(atoms))
    if found is None or not all(atom.is_plain for atom in atoms if atom.part.name is not None):
        return None
    pieces: list[str | Part] = [_part(context, atom) for atom in atoms]
    tag = tuple(
        each.replace('"name": "', "").replace('"', "") if isinstance(each, str) else each
        for each in pieces
    )
    prefix, url = _tag_url(context, tuple(each for each in tag if each != ""))
    text = _case(fetch, url, 1)
    idiom = "exists-in-list" if found[1] else "exists-name-in-list"
    return Change(idiom, _placed(context, prefix, text, _end_with_redirects(context)), BY_404)


def _end_with_redirects(context: Context) -> int:
    """Where the pipeline ends, with what its last command is redirected to."""
    last = context.stage.after[-1]
    assert last is not None  # noqa: S101  # since it is a grep
    return max(context.stage.end, context.script.stage(last.node).end)


def _free_name(context: Context, name: str) -> str:
    """A name of a variable that the file has not."""
    text = context.expressions.text
    return f"hub_{name}" if re.search(rf"\b{name}=|\$\{{?{name}\b", text) else name


def _word_edit(context: Context, word: Sequence[Atom], text: Text) -> Edit:
    """Puts a text in the place of a word, the quotes around it included."""
    start, end = word[0].start, word[-1].end
    script = context.script.text
    while start > 0 and script[start - 1] in "\"'":
        start -= 1
    while end < len(script) and script[end] in "\"'":
        end += 1
    return Edit(start, end, text)


_BODIES = words(
    "program compound_statement do_group if_statement else_clause elif_clause case_item"
)


def _placed(context: Context, prefix: Sequence[Text], text: Text, end: int) -> tuple[Edit, ...]:
    """Puts a text in the place of all from the beginning of the call to `end`, and what has to
    stand before it there."""
    return _prefixed(context, prefix, Edit(context.stage.start, end, text))


def _prefixed(context: Context, prefix: Sequence[Text], edit: Edit) -> tuple[Edit, ...]:
    edit = replace(edit, text=_laid_out(context, edit.text))
    if not prefix:
        return (edit,)
    stage, script = context.stage, context.script.text
    if not stage.is_leftmost and not stage.is_captured:
        opening, between, closing = "{ ", "; ", "; }"
    else:
        line = script[script.rfind("\n", 0, stage.start) + 1 : stage.start]
        is_alone = not line.strip() and stage.parent is not None and stage.parent.type in _BODIES
        is_alone &= context.piece.indent is not None and stage.is_leftmost
        opening, between, closing = "", "\n" + line if is_alone else "; ", ""
    before: list[str | Part] = [opening]
    for each in prefix:
        before += [*_laid_out(context, each), between]
    end = max(stage.end, edit.end)
    closed = (Edit(end, end, (closing,)),) if closing else ()
    if edit.start == stage.start:
        if closing and edit.end == end:
            return (Edit(edit.start, end, (*before, *edit.text, closing)),)
        return (Edit(edit.start, edit.end, (*before, *edit.text)), *closed)
    return (Edit(stage.start, stage.start, tuple(before)), edit, *closed)


def _laid_out(context: Context, text: Text) -> Text:
    """The text with its lines indented as the one that it is put into; on one line where the file
    has no lines of shell, or where a here-document would follow the first of them."""
    script, start = context.script.text, context.stage.start
    around = (
        script[:start].replace("\\\n", "").rpartition("\n")[2] + script[start:].partition("\n")[0]
    )
    if context.piece.indent is None or "<<" in around:
        return tuple(
            re.sub(r"(?: \\)?\n *", " ", each) if isinstance(each, str) else each for each in text
        )
    line = script[script.rfind("\n", 0, start) + 1 : start]
    indent = line[: len(line) - len(line.lstrip())]
    return tuple(
        each.replace("\n", f"\n{indent}") if isinstance(each, str) else each for each in text
    )
