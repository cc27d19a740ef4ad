"""Answering a flow, with the marks of a deprecated resource."""

import logging

from mitmproxy import http

from hubv1.answers import as_deprecated
from hubv1.bridging import Result
from hubv1.mitm.entries import OpenCall
from hubv1.mitm.flows import answer_flow
from hubv1.parts import Parts
from hubv1.routes import Call

logger = logging.getLogger(__name__)

_LOOP = (
    "A call came back to this bridge: hub_url %s leads here, by a hosts file or a redirect on "
    "this machine perhaps. Set hub_url to an address that does not."
)


def give(opened: OpenCall, result: Result, successor: str, parts: Parts) -> None:
    """Answer a call that is under way."""
    answer(opened.flow, result, successor, parts)
    opened.given = opened.flow.response


def answer(flow: http.HTTPFlow, result: Result, successor: str, parts: Parts) -> None:
    """Make the result the flow's response, with the marks of a deprecated resource."""
    if result.error_type == "loop":
        logger.error(_LOOP, parts.settings.url)
    here = parts.surroundings
    about_cache = result.cache_headers(here.bridge_id)
    answer_flow(flow, as_deprecated(result.answer, successor, here.via, *about_cache))


def successor_of(call: Call, parts: Parts) -> str:
    """URL of the v2 call to make instead; empty where there is none."""
    path = call.replacement_path
    return parts.settings.url + path if path else ""
