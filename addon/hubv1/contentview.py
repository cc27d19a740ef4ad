"""The content view Hub-v1 of mitmweb and the console: a v1 answer and its source in v2."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mitmproxy import contentviews, http
from mitmproxy.flow import Flow

from hubv1.api.names import repository_or_none
from hubv1.api.routes import Outcome, Verdict, route_named
from hubv1.journal import CallRecord
from hubv1.mitm.flows import saved_record, saved_upstream_requests
from hubv1.replacements import Field, Replacement, replacement
from hubv1.text import bounded, printable, readable

NAME = "Hub-v1"
MOST_ELEMENTS = 50  # of an answer that are shown; further ones are only counted

_PRIORITY = 2  # above that of the view of JSON, which is 1
_LEFT, _WIDEST = "v1 answer", 60


class HubV1View:
    """One view for both interfaces: mitmproxy 12 calls `prettify`, 11 calls the view itself."""

    name = NAME
    syntax_highlight = "none"

    def prettify(self, data: bytes, metadata: Any) -> str:  # noqa: ANN401  # mitmproxy 12's own
        """The text for mitmproxy 12."""
        return _text(data, metadata.flow)

    def __call__(
        self, data: bytes, *, flow: Flow | None = None, **_: object
    ) -> tuple[str, Iterator[list[tuple[str, str]]]]:
        """The text for mitmproxy 11, under a title."""
        lines = _text(data, flow).splitlines()
        return "Docker Hub API v1 and v2", ([("text", line)] for line in lines)

    def render_priority(
        self,
        data: bytes,  # noqa: ARG002  # the name of the interface
        metadata: Any = None,  # noqa: ANN401  # mitmproxy 12's own
        *,
        flow: Flow | None = None,
        http_message: http.Message | None = None,
        **_: object,
    ) -> float:
        """Highest for a translated answer; below every other view for anything else."""
        flow = metadata.flow if metadata else flow
        message = metadata.http_message if metadata else http_message
        if not isinstance(flow, http.HTTPFlow) or message is not flow.response:
            return -1
        entry = saved_record(flow)
        if entry is None or entry.verdict is Verdict.RETIRING:
            return -1  # other views show v2's own answers
        return _PRIORITY if entry.outcome is Outcome.TRANSLATED else -1

    def __lt__(self, other: Any) -> bool:  # noqa: ANN401  # any view; mitmproxy sorts them
        return bool(self.name < other.name)


def register() -> None:
    """Add the view, and remove one that an earlier loading of the addon may have left."""
    unregister()
    contentviews.add(HubV1View())  # type: ignore[arg-type]  # fits both versions' interfaces


def unregister() -> None:
    """Remove the view."""
    registry: Any = getattr(contentviews, "registry", None)
    if registry is not None:
        registry._by_name.pop(NAME.lower(), None)  # noqa: SLF001  # mitmproxy 12 has no other way
        return
    for old in [each for each in contentviews.views if each.name == NAME]:  # type: ignore[attr-defined]
        contentviews.remove(old)  # type: ignore[attr-defined]


def _text(data: bytes, flow: Flow | None) -> str:
    entry = saved_record(flow) if isinstance(flow, http.HTTPFlow) else None
    if flow is None or entry is None:
        return "This is no call to Docker Hub API v1 that the bridge has seen."
    return side_by_side(entry, saved_upstream_requests(flow), data)


def side_by_side(entry: CallRecord, upstream_requests: Sequence[str], body: bytes) -> str:
    """A text about a call: what to call instead, and each value of v1's answer next to its source
    in v2."""
    found = replacement(
        route_named(entry.route),
        repository_or_none(entry.namespace, entry.repository),
        entry.tag,
        signed=entry.is_signed,
        paged=entry.is_paged,
    )
    no_requests = "none: an equal call had the answer" if entry.cache == "hit" else "none"
    code = found.line or (found.snippets[0].code if found.snippets else "")
    parts = [
        [f"{entry.http_request_method} {entry.url_path}: {entry.ending}"],
        ["Call instead:", *_indented(filter(None, [found.instead, found.new, *code.splitlines()]))],
        _table(list(_rows(entry, found, body))),
        ["Requests to Docker's hosts:", *_indented(upstream_requests or [no_requests])],
        ["Caller:", *_indented([entry.caller])],
    ]
    return "\n\n".join("\n".join(map(printable, part)) for part in parts if part)


def _rows(entry: CallRecord, found: Replacement, body: bytes) -> Iterator[tuple[str, str]]:
    """Each value of an answer, with its source in v2."""
    elements = _elements(body) if found.fields else None
    if elements is None:
        text = bounded(readable(body[: 4 * MOST_ELEMENTS]))
        if text:
            yield text, f"status {entry.http_response_status_code}"
        return
    sources = {field.old: _source(field) for field in found.fields}
    for number, element in enumerate(elements[:MOST_ELEMENTS]):
        for name, value in element.items():
            yield f"[{number}].{name} = {json.dumps(value)}", sources.get(name, "")
    if len(elements) > MOST_ELEMENTS:
        yield f"… and {len(elements) - MOST_ELEMENTS:,} more", ""


def _elements(body: bytes) -> list[dict[str, object]] | None:
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return None
    is_v1 = isinstance(read, list) and all(isinstance(each, dict) for each in read)
    return read if is_v1 else None


def _source(field: Field) -> str:
    return (field.new or "nothing") + (f" ({field.remark})" if field.remark else "")


def _table(rows: Sequence[tuple[str, str]]) -> list[str]:
    if not rows:
        return []
    width = max(len(_LEFT), min(_WIDEST, max(len(left) for left, _ in rows)))
    lines = [f"{left:{width}} | {right}".rstrip() for left, right in rows]
    return [f"{_LEFT:{width}} | in v2", f"{'-' * width}-+-{'-' * width}", *lines]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]
