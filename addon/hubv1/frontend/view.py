"""The content view of mitmweb and the console: a v1 answer beside its source in v2."""

from collections.abc import Iterator
from typing import Any

from mitmproxy import contentviews, http
from mitmproxy.flow import Flow

from hubv1.beside import beside
from hubv1.mitm.notes import asked_upstream, noted
from hubv1.outcome import Outcome

NAME = "Hub-v1"

_NO_CALL = "This is no call to Docker Hub API v1 that the bridge has met."
_PRIORITY = 2
"""Above that of the view of JSON, which is 1."""


class BesideView:
    """One view for both interfaces: mitmproxy 12 calls `prettify`, 11 calls the view itself."""

    name = NAME
    syntax_highlight = "none"

    def prettify(self, data: bytes, metadata: Any) -> str:  # noqa: ANN401  # mitmproxy 12's own
        """The text, also where the flow is no call that a bridge has met."""
        return _text(data, metadata.flow)

    def __call__(
        self, data: bytes, *, flow: Flow | None = None, **_: object
    ) -> tuple[str, Iterator[list[tuple[str, str]]]]:
        """The same for mitmproxy 11."""
        lines = _text(data, flow).splitlines()
        return "Docker Hub API v1 beside v2", ([("text", line)] for line in lines)

    def render_priority(
        self,
        data: bytes,  # noqa: ARG002  # the name of the interface
        metadata: Any = None,  # noqa: ANN401  # mitmproxy 12's own
        *,
        flow: Flow | None = None,
        http_message: http.Message | None = None,
        **_: object,
    ) -> float:
        """The best view for an answer that was translated, else none."""
        flow = metadata.flow if metadata else flow
        message = metadata.http_message if metadata else http_message
        if not isinstance(flow, http.HTTPFlow) or message is not flow.response:
            return -1
        entry = noted(flow)
        return _PRIORITY if entry and entry.outcome is Outcome.TRANSLATED else -1

    def __lt__(self, other: Any) -> bool:  # noqa: ANN401  # any view; mitmproxy sorts them
        return bool(self.name < other.name)


def register(view: BesideView) -> None:
    """Show the view, in place of one of that name that an unloaded script has left."""
    unregister()
    contentviews.add(view)  # type: ignore[arg-type]  # it is what either version takes


def unregister() -> None:
    """Show it no more."""
    registry: Any = getattr(contentviews, "registry", None)
    if registry is not None:
        registry._by_name.pop(NAME.lower(), None)  # noqa: SLF001  # mitmproxy 12 has no other way
        return
    for old in [each for each in contentviews.views if each.name == NAME]:  # type: ignore[attr-defined]
        contentviews.remove(old)  # type: ignore[attr-defined]


def _text(data: bytes, flow: Flow | None) -> str:
    entry = noted(flow) if isinstance(flow, http.HTTPFlow) else None
    if flow is None or entry is None:
        return _NO_CALL
    return beside(entry, asked_upstream(flow), data)
