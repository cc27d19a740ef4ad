"""What leaves the bridge: status, headers and body, with the marks of a deprecated resource.

RFC 9745 (Deprecation), RFC 8594 (Sunset), RFC 8288 and 5829 (Link), RFC 9110 (Via), RFC 9211
(Cache-Status), RFC 9111 (Age) and RFC 9457 (problem+json) give the form of each.
"""

import json
from dataclasses import dataclass, replace

JSON = "application/json"
PROBLEM = "application/problem+json"
PLAIN = "text/plain; charset=utf-8"

DEPRECATION_PAGE = "https://docs.docker.com/reference/api/hub/deprecated/"
DEPRECATED_SINCE = 1661212800
"""Unix time of 2022-08-23, when Docker announced the end of API v1."""
SUNSET = "Mon, 05 Sep 2022 00:00:00 GMT"

_TITLES = {
    403: "Forbidden",
    410: "Gone",
    429: "Too Many Requests",
    502: "Bad Gateway",
    503: "Service Unavailable",
    508: "Loop Detected",
}

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, without the framing that mitmproxy adds."""

    status: int
    body: bytes
    headers: Headers


def answer(status: int, content_type: str, body: bytes, *more: tuple[str, str]) -> Answer:
    """An answer with a body of `content_type`."""
    return Answer(status, body, (("Content-Type", content_type), *more))


def problem(status: int, code: str, detail: str, *more: tuple[str, str]) -> Answer:
    """An error of the bridge's own; `code` is for programs, `detail` for people.

    Without a `type` the title has to be that of the status code (RFC 9457, 4.2.1). Errors are
    true for now only, so nobody may keep them.
    """
    body = {"title": _TITLES[status], "status": status, "detail": detail, "error": code}
    return answer(status, PROBLEM, json.dumps(body).encode(), ("Cache-Control", "no-store"), *more)


def as_deprecated(plain: Answer, successor: str, via: str, *more: tuple[str, str]) -> Answer:
    """The answer with the headers that tell a client what it is using and what comes after.

    `successor` is the URL of the v2 call to make instead, empty where there is none; `more` are
    headers about this one answer.
    """
    links = [f'<{DEPRECATION_PAGE}>; rel="deprecation"; type="text/html"']
    if successor:
        links.insert(0, f'<{successor}>; rel="successor-version"')
    marks = (
        ("Deprecation", f"@{DEPRECATED_SINCE}"),
        ("Sunset", SUNSET),
        ("Link", ", ".join(links)),
        ("Via", via),
        *more,
    )
    return replace(plain, headers=plain.headers + marks)
