"""A v1 answer beside where its values come from in v2, and what to call instead, as a text."""

import json
from collections.abc import Iterator, Sequence

from hubv1.journal import Entry
from hubv1.names import repository_or_none
from hubv1.replacements import Field, Replacement, replacement
from hubv1.routes import route_named
from hubv1.texts import bounded, printable, readable

MOST_ELEMENTS = 50
"""Of an answer; the others are told by their number."""

_LEFT, _WIDEST = "v1 answered", 60
_INDENT = "    "


def beside(entry: Entry, asked: Sequence[str], body: bytes) -> str:
    """The text; `asked` is what Docker's hosts were asked, `body` the v1 answer."""
    found = replacement(
        route_named(entry.route),
        repository_or_none(entry.namespace, entry.repository),
        entry.tag,
        signed=entry.is_signed,
        paged=entry.is_paged,
    )
    parts = [
        [_what(entry)],
        _table(list(_rows(entry, found, body))),
        ["Docker's hosts were asked:", *_indented(asked or [_unasked(entry)])],
        ["Call instead:", *_indented(_instead(found))],
        ["To change by:", *_indented([entry.caller])],
    ]
    return "\n\n".join("\n".join(map(printable, part)) for part in parts if part)


def _what(entry: Entry) -> str:
    status = entry.http_response_status_code or "without an answer"
    why = f" ({entry.error_type}: {entry.error})" if entry.error_type else ""
    return f"{entry.http_request_method} {entry.url_path}: {entry.outcome} {status}{why}"


def _rows(entry: Entry, found: Replacement, body: bytes) -> Iterator[tuple[str, str]]:
    """Each value of the answer, and what it is in v2."""
    elements = _elements(body) if found.fields else None
    if elements is None:
        text = bounded(readable(body[: 4 * MOST_ELEMENTS]))
        if text:
            yield text, f"status {entry.http_response_status_code}"
        return
    fields = {field.old: field for field in found.fields}
    for number, element in enumerate(elements[:MOST_ELEMENTS]):
        for name, value in element.items():
            yield f"[{number}].{name} = {json.dumps(value)}", _source(fields.get(name))
    if len(elements) > MOST_ELEMENTS:
        yield f"… and {len(elements) - MOST_ELEMENTS} more", ""


def _elements(body: bytes) -> list[dict[str, object]] | None:
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return None
    is_v1 = isinstance(read, list) and all(isinstance(each, dict) for each in read)
    return read if is_v1 else None


def _source(field: Field | None) -> str:
    if field is None:
        return ""
    remark = f" ({field.remark})" if field.remark else ""
    return (field.new or "nothing") + remark


def _table(rows: Sequence[tuple[str, str]]) -> list[str]:
    if not rows:
        return []
    width = max(len(_LEFT), min(_WIDEST, max(len(left) for left, _ in rows)))
    lines = [f"{left:{width}} | {right}".rstrip() for left, right in rows]
    return [f"{_LEFT:{width}} | in v2", f"{'-' * width}-+-{'-' * width}", *lines]


def _unasked(entry: Entry) -> str:
    return "nothing; an equal call had the answer" if entry.cache == "hit" else "nothing"


def _instead(found: Replacement) -> list[str]:
    code = found.line or (found.snippets[0].code if found.snippets else "")
    return [found.instead, *([found.new] if found.new else []), *code.splitlines()]


def _indented(lines: Sequence[str]) -> list[str]:
    return [_INDENT + line for line in lines]
