"""A mitmweb with the bridge, and its interface for programs, which its pages use themselves."""

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from addresses import own_address
from e2e.bridges import (
    MITMDUMP,
    PATIENCE,
    Mitmdump,
    bridge_arguments,
    eventually,
    running_mitmdump,
)

MITMWEB = MITMDUMP.with_name("mitmweb")
_PASSWORD = "sesame"
_TOKEN = "0123456789abcdef"
"""Against requests of foreign pages: any will do, as long as header and cookie agree."""


@dataclass
class Mitmweb:
    """A running mitmweb."""

    proxy: Mitmdump
    url: str

    def ask(self, path: str, method: str = "GET", **body: Any) -> Any:
        """What its interface says, as the pages of mitmweb ask it."""
        request = urllib.request.Request(f"{self.url}/{path}", method=method)
        request.add_header("Authorization", f"Bearer {_PASSWORD}")
        request.add_header("Content-Type", "application/json")
        request.add_header("X-XSRFToken", _TOKEN)
        request.add_header("Cookie", f"_xsrf={_TOKEN}; _mitmproxy_xsrf={_TOKEN}")
        if method != "GET":
            request.data = json.dumps(body).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=PATIENCE) as answer:
            text = answer.read().decode()
            is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        return json.loads(text) if is_json else text

    def run(self, command: str, *arguments: str) -> Any:
        """What a command gives, as typed into the command bar."""
        answer = self.ask(f"commands/{command}", "POST", arguments=list(arguments))
        assert "error" not in answer, answer
        return answer["value"]

    def flows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("flows")
        return found

    def shown(self, flow: dict[str, Any], message: str, view: str) -> dict[str, Any]:
        """A message in one of the content views."""
        quoted = urllib.parse.quote(view)
        found = self.ask(f"flows/{flow['id']}/{message}/content/{quoted}.json")
        # mitmproxy 11 gives lines of styled pieces.
        if "lines" in found:
            found["text"] = "\n".join("".join(text for _, text in line) for line in found["lines"])
        assert isinstance(found, dict)
        return found


@contextmanager
def running_web(confdir: Path, *arguments: str, **given: str) -> Iterator[Mitmweb]:
    """A mitmweb with the bridge; `given` is for `bridge_arguments`."""
    pages = own_address()
    settings = ["web_open_browser=false", f"web_host={pages.host}", f"web_port={pages.port}"]
    settings.append(f"web_password={_PASSWORD}")
    everything = [
        *(each for one in settings for each in ("--set", one)),
        *bridge_arguments(confdir, **given),
        *arguments,
    ]
    with running_mitmdump(confdir, *everything, program=MITMWEB) as proxy:
        eventually(lambda: "Web server listening at" in proxy.log, "mitmweb's own pages")
        yield Mitmweb(proxy, f"http://{pages}")
