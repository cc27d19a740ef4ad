"""What a command does with the answer of v1, since that decides what replaces the call."""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum

from hubv1.api.routes import Listing
from hubv1.source.bash import Command, Script, Stage


class Does(StrEnum):
    """What is done with an answer."""

    LISTS = "lists names"
    NEWEST = "takes the newest"
    BY_STATUS = "tests for existence by status"
    BY_TEXT = "tests for existence by text"
    COUNTS = "counts"
    SHOWS = "shows"
    UNKNOWN = "unknown"


def words(text: str) -> frozenset[str]:
    """The words of a text, in which a long table is short."""
    return frozenset(text.split())


_SHOWERS = {"cat", "less", "more", "tee", "json_pp", "json_reformat", "pygmentize", "bat", "column"}
_EXTRACTORS = words(
    "jq awk gawk mawk sed gsed grep egrep fgrep rg cut perl python python2 python3 node ruby "
    "php yq gron "
)
_NEWEST_JQ = re.compile(r"\[-?\d+\]|\b(?:last|first|max|min|max_by|min_by)\b")
_ABSENT = re.compile(r"not found|Resource", re.IGNORECASE)


def does(script: Script, stage: Stage, listing: Listing | None) -> Does:
    """What is done with the answer to that command."""
    command = stage.command
    if _asks_for_status(command):
        return Does.BY_STATUS
    stages = stage.after
    if not stages and stage.captured_by:
        return _of_variable(script, stage, listing)
    if listing is Listing.TAG:
        return _of_tag(stage)
    if listing not in {Listing.TAGS, Listing.IMAGES}:
        is_shown = not stage.is_captured and not _writes_file(command) and None not in stages
        return Does.SHOWS if is_shown else Does.UNKNOWN
    if not stages and (stage.is_condition or _is_discarded(command)):
        return Does.BY_STATUS
    return _of_stages(stages, stage)


def is_message_of(stage: Stage) -> bool:
    """Whether the command does nothing but show its words."""
    command = stage.command
    is_kept = any(re.match(r"(?:1|&)?>+\s*(?!/dev/)[^&\s]", each) for each in command.redirects)
    return command.name in {"echo", "printf"} and not (stage.after or stage.is_captured or is_kept)


def _of_tag(stage: Stage) -> Does:
    last = stage.after[-1] if stage.after else None
    if stage.compared or (last and last.name.endswith("grep")):
        return Does.BY_TEXT
    is_tested = stage.is_condition or _is_discarded(stage.command)
    if not stage.after and (is_tested or _has(stage.command, r"-\w*f\w*|--fail")):
        return Does.BY_STATUS
    return Does.UNKNOWN if stage.is_captured or None in stage.after else Does.SHOWS


def _of_stages(stages: Sequence[Command | None], stage: Stage) -> Does:
    commands = [each for each in stages if each is not None]
    if len(commands) < len(stages):
        return Does.LISTS if any(map(_is_extractor, commands)) else Does.UNKNOWN
    last = commands[-1] if commands else None
    is_count = last is not None and _counts(last)
    if last is not None and last.name.endswith("grep") and _tests(last, stage):
        return Does.BY_TEXT
    if (stage.compared or stage.is_tested) and commands and not is_count:
        return Does.BY_TEXT
    if is_count or any(map(_is_newest, commands)):
        return Does.COUNTS if is_count else Does.NEWEST
    if any(map(_is_extractor, commands)):
        return Does.LISTS
    is_shown = all(each.name in _SHOWERS | _EXTRACTORS for each in commands)
    is_elsewhere = stage.is_captured or _writes_file(stage.command)
    return Does.SHOWS if is_shown and not is_elsewhere else Does.UNKNOWN


def _of_variable(script: Script, stage: Stage, listing: Listing | None) -> Does:
    """By what reads the variable that an answer is put into."""
    name = stage.captured_by
    for use in script.uses(name):
        if use.command.node.start_byte < stage.end:
            continue
        readers = _readers(use, name)
        if readers:
            if listing is Listing.TAG:
                return Does.BY_TEXT if readers[-1].name.endswith("grep") else Does.UNKNOWN
            return _of_stages(readers, use)
    rest = script.text[stage.end :]
    tested = re.search(
        rf"(?:\[\[?|test|case)\s[^\n;]*\$\{{?{re.escape(name)}\b(?:[^\n]|\n(?!fi|done))*", rest
    )
    if tested is not None and (_ABSENT.search(tested[0]) or listing is Listing.TAG):
        return Does.BY_TEXT
    return Does.UNKNOWN


def _readers(use: Stage, name: str) -> list[Command]:
    variable = re.compile(rf"\$\{{?{re.escape(name)}\b")
    readers = [each for each in use.after if each is not None]
    if use.command.name in {"echo", "printf"}:
        return readers
    if any(each.startswith("<<<") and variable.search(each) for each in use.command.redirects):
        return [use.command, *readers]
    return []


def _asks_for_status(command: Command) -> bool:
    return any("http_code" in each or "response_code" in each for each in command.arguments)


def _is_discarded(command: Command) -> bool:
    words = command.arguments
    return (
        command.is_silent
        or "--spider" in words
        or _has(command, r"(?:-\w*[oO])?/dev/null|--output(?:-document)?=/dev/null")
        or (command.name == "curl" and _has(command, r"-\w*I\w*|--head"))
    )


def _has(command: Command, pattern: str) -> bool:
    return any(re.fullmatch(pattern, each) for each in command.arguments)


def _writes_file(command: Command) -> bool:
    is_redirected = any(re.match(r">|1>|&>", each) for each in command.redirects)
    return is_redirected or _has(command, r"-\w*[oO]|--output(?:-document)?")


def _tests(command: Command, stage: Stage) -> bool:
    quiet = _has(command, r"-\w*q\w*|--quiet|--silent")
    is_count = _has(command, r"-\w*c\w*|--count")
    return quiet or command.is_silent or (stage.is_condition and not is_count)


def _counts(last: Command) -> bool:
    return (
        last.name == "wc"
        or (last.name.startswith("python") and _has(last, r"(?s).*\(len\(.*"))
        or (last.name.endswith("grep") and _has(last, r"-\w*c\w*|--count"))
        or (last.name == "jq" and _has(last, r"(?s).*\blength\b[\s)\]]*"))
    )


def _is_newest(command: Command) -> bool:
    """Whether one of many lines or names is taken."""
    words = " ".join(command.arguments)
    if command.name in {"head", "tail"}:
        return re.fullmatch(r"-n ?1|-1|--lines=1", words) is not None
    if command.name == "jq":
        return _NEWEST_JQ.search(words) is not None
    if command.name == "sed":
        return re.search(r"(?:^| )(?:1p|1q|\$p|\$!d|1!d)$", words) is not None
    return command.name == "awk" and re.search(r"NR ?== ?1|END ?\{ ?print", words) is not None


def _is_extractor(command: Command) -> bool:
    words: Iterator[str] = (each for each in command.arguments if not each.startswith("-"))
    if command.name == "jq":
        return next(words, ".") not in {".", ""}
    if command.name.startswith("python") and "json.tool" in command.arguments:
        return False
    return command.name in _EXTRACTORS
