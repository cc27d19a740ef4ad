"""What a command does with the answer of v1, which decides what replaces the call."""

import re
from collections.abc import Sequence
from enum import StrEnum

from hubv1.api.routes import Listing
from hubv1.source.bash import Command, Script, Stage
from hubv1.source.commands import Fetch, canonical, words


class Does(StrEnum):
    """What a script does with an answer."""

    LISTS = "lists names"
    NEWEST = "takes the newest"
    BY_STATUS = "tests for existence by status"
    BY_TEXT = "tests for existence by text"
    COUNTS = "counts"
    SHOWS = "shows"
    UNKNOWN = "unknown"


_SHOWERS = {"cat", "less", "more", "tee", "json_pp", "json_reformat", "pygmentize", "bat", "column"}
_EXTRACTORS = words(
    "jq awk gawk mawk sed gsed grep egrep fgrep rg cut perl python python2 python3 node ruby "
    "php yq gron "
)
_NEWEST = {
    "head": re.compile(r"-n ?1|-1|--lines=1"),
    "tail": re.compile(r"-n ?1|-1|--lines=1"),
    "jq": re.compile(r".*(?:\[-?\d+\]|\b(?:last|first|max|min|max_by|min_by)\b).*", re.DOTALL),
    "sed": re.compile(r"(?:.* )?(?:1p|1q|\$p|\$!d|1!d)", re.DOTALL),
    "awk": re.compile(r".*(?:NR ?== ?1|END ?\{ ?print).*", re.DOTALL),
}
"""The arguments of commands that pick one of many lines or names."""
_COUNTS = {
    "wc": re.compile(""),
    "python3": re.compile(r"\(len\("),
    "grep": re.compile(r"^-c$", re.MULTILINE),
    "jq": re.compile(r"\blength\b[)\]]*$"),
}
"""What commands that count have in their canonical arguments."""
_ABSENT = re.compile(r"not found|Resource", re.IGNORECASE)


def does(script: Script, stage: Stage, fetch: Fetch, listing: Listing | None) -> Does:
    """What the script does with the answer to a command."""
    if re.search("http_code|response_code", fetch.write_out):
        return Does.BY_STATUS
    if not stage.after and stage.captured_by:
        return _use_of_variable(script, stage, listing)
    is_tested = not stage.after and (stage.is_condition or fetch.is_discarded)
    is_shown = not stage.is_captured and not _writes_file(stage, fetch)
    if listing is Listing.TAG:
        return _use_of_tag(stage, is_tested=is_tested or (not stage.after and "f" in fetch.flags))
    if listing not in {Listing.TAGS, Listing.IMAGES}:
        return Does.SHOWS if is_shown and None not in stage.after else Does.UNKNOWN
    return Does.BY_STATUS if is_tested else _use_of_list(stage.after, stage, is_shown=is_shown)


def is_message_of(stage: Stage) -> bool:
    """Whether the command only shows its words."""
    command = stage.command
    is_kept = any(re.match(r"(?:1|&)?>+\s*(?!/dev/)[^&\s]", each) for each in command.redirects)
    return command.name in {"echo", "printf"} and not (stage.after or stage.is_captured or is_kept)


def _use_of_tag(stage: Stage, *, is_tested: bool) -> Does:
    if stage.compared or _is_grep(stage.after[-1] if stage.after else None):
        return Does.BY_TEXT
    if is_tested:
        return Does.BY_STATUS
    return Does.UNKNOWN if stage.is_captured or None in stage.after else Does.SHOWS


def _use_of_list(stages: Sequence[Command | None], stage: Stage, *, is_shown: bool = False) -> Does:
    commands = [each for each in stages if each is not None]
    if len(commands) < len(stages):
        return Does.LISTS if any(map(_is_extractor, commands)) else Does.UNKNOWN
    last = commands[-1] if commands else None
    is_count = last is not None and _counts(last)
    if last is not None and _is_grep(last) and _tests(last, stage):
        return Does.BY_TEXT
    if (stage.compared or stage.is_tested) and commands and not is_count:
        return Does.BY_TEXT
    if is_count or any(map(_is_newest, commands)):
        return Does.COUNTS if is_count else Does.NEWEST
    if any(map(_is_extractor, commands)):
        return Does.LISTS
    is_shown &= all(each.name in _SHOWERS | _EXTRACTORS for each in commands)
    return Does.SHOWS if is_shown else Does.UNKNOWN


def _use_of_variable(script: Script, stage: Stage, listing: Listing | None) -> Does:
    """What the script does with the variable that the answer is assigned to."""
    name = stage.captured_by
    for use in script.uses(name):
        readers = _readers(use, name) if use.command.node.start_byte >= stage.end else []
        if readers and listing is Listing.TAG:
            return Does.BY_TEXT if _is_grep(readers[-1]) else Does.UNKNOWN
        if readers:
            return _use_of_list(readers, use)
    rest = script.text[stage.end :]
    tested = re.search(
        rf"(?:\[\[?|test|case)\s[^\n;]*\$\{{?{re.escape(name)}\b(?:[^\n]|\n(?!fi|done))*", rest
    )
    if tested is not None and (_ABSENT.search(tested[0]) or listing is Listing.TAG):
        return Does.BY_TEXT
    return Does.UNKNOWN


def _readers(use: Stage, name: str) -> list[Command]:
    """The commands that read the variable's value."""
    readers = [each for each in use.after if each is not None]
    if use.command.name in {"echo", "printf"}:
        return readers
    variable = re.compile(rf"\$\{{?{re.escape(name)}\b")
    if any(each.startswith("<<<") and variable.search(each) for each in use.command.redirects):
        return [use.command, *readers]
    return []


def _is_grep(command: Command | None) -> bool:
    return command is not None and command.name.endswith("grep")


def _writes_file(stage: Stage, fetch: Fetch) -> bool:
    is_redirected = any(re.match(r">|1>|&>", each) for each in stage.command.redirects)
    return is_redirected or fetch.output not in {"-", "/dev/null"}


def _tests(grep: Command, stage: Stage) -> bool:
    flags = canonical(grep)
    return "-q" in flags or grep.is_silent or (stage.is_condition and "-c" not in flags)


def _counts(command: Command) -> bool:
    name, *arguments = canonical(command)
    return name in _COUNTS and _COUNTS[name].search("\n".join(arguments)) is not None


def _is_newest(command: Command) -> bool:
    pattern = _NEWEST.get(command.name)
    return pattern is not None and pattern.fullmatch(" ".join(command.arguments)) is not None


def _is_extractor(command: Command) -> bool:
    if command.name == "jq":
        program = next((each for each in command.arguments if not each.startswith("-")), ".")
        return program not in {".", ""}
    return command.name in _EXTRACTORS and "json.tool" not in command.arguments
