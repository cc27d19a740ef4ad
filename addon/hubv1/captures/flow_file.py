"""mitmproxy's flow files, flow by flow."""

from collections.abc import Iterator
from io import BufferedReader

from mitmproxy import http
from mitmproxy.io import FlowReader

from hubv1.captures.har import Unreadable

_LATEST = 253_402_300_799.0
"""Unix time: the last second of the year 9999, after which Python has no dates."""


def file_flows(content: BufferedReader) -> Iterator[http.HTTPFlow | Unreadable | None]:
    """The flows of HTTP; None for any other.

    Raises FlowReadException, and what mitmproxy lets through of broken data.
    """
    for number, flow in enumerate(FlowReader(content).stream(), 1):
        if not isinstance(flow, http.HTTPFlow):
            yield None
        elif _has_time(flow.request):
            yield flow
        else:
            yield Unreadable(f"flow {number}: its time cannot be read")


def _has_time(request: http.Request) -> bool:
    started = request.timestamp_start
    return isinstance(started, int | float) and 0 <= started <= _LATEST
