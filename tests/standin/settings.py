"""Everything that can be set on a stand-in; each field is also an option of `python -m standin`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from . import uncertain


@dataclass
class Settings:
    """May be changed while the stand-in serves, but for addresses, TLS and `calls_kept`."""

    host: Annotated[str, "address that all three listeners are bound to; empty: all"] = "127.0.0.1"
    hub_port: Annotated[int, "port of the stand-in for hub.docker.com; 0 takes a free one"] = 0
    registry_port: Annotated[int, "port of the stand-in for registry-1 and index.docker.io"] = 0
    auth_port: Annotated[int, "port of the stand-in for auth.docker.io"] = 0
    hub_announced: Annotated[str, "URL that `next` begins with, if not the listener's own"] = ""
    registry_announced: Annotated[str, "URL of the registry, if not the listener's own"] = ""
    auth_announced: Annotated[str, "URL of the token realm, if not the registry's own"] = ""
    tls: Annotated[Path | None, "serve https; folder in which ca.pem and a leaf are made"] = None
    tls_names: Annotated[str, "more names for the leaf, separated by commas"] = ""

    page_size: Annotated[int, "tags on a page of Hub v2 by default"] = uncertain.DEFAULT_PAGE_SIZE
    page_size_max: Annotated[int, "most tags on a page of Hub v2"] = uncertain.MAX_PAGE_SIZE
    anonymous_offset: Annotated[
        int, "offset from which paging needs a token; negative is never"
    ] = uncertain.ANONYMOUS_OFFSET
    registry_page: Annotated[int, "most tags in one list of the registry; 0 is all of them"] = 0

    token_seconds: Annotated[float, "life of a Hub token in seconds"] = 600.0
    registry_token_seconds: Annotated[float, "life of a registry token in seconds"] = (
        uncertain.REGISTRY_TOKEN_SECONDS
    )
    failed_logins: Annotated[int, "failed logins after which a name is locked; 0 is never"] = (
        uncertain.FAILED_LOGINS
    )
    locked_seconds: Annotated[float, "how long a name stays locked"] = 600.0

    rate_limit: Annotated[int, "calls to Hub v2 in a window from one address; 0 is no limit"] = 0
    rate_window: Annotated[float, "length of that window in seconds"] = 60.0
    clock_skew: Annotated[float, "seconds that this server's clock is ahead of the real one"] = 0.0
    latency: Annotated[float, "seconds that every answer is held back"] = 0.0
    calls_kept: Annotated[int, "calls that are remembered; 0 switches recording off"] = 10_000
