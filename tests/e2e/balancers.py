"""nginx in front of three bridges, as docs/fleet.md sets it up."""

import http.client
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from e2e.bridges import ROOT, eventually, free_port
from e2e.clients import tool

PAGE = (ROOT / "docs" / "fleet.md").read_text(encoding="utf-8")
NAMES = ("bridge-1", "bridge-2", "bridge-3")


def block(language: str) -> str:
    """The one block of that language on the page."""
    [found] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


@contextmanager
def running_balancer(
    folder: Path, ports: Mapping[str, int], text: str | None = None
) -> Iterator[int]:
    """Nginx with the page's configuration, or another one like it; gives its port."""
    port = free_port()
    text = (text or block("nginx")).replace("listen 8080", f"listen 127.0.0.1:{port}")
    for name, own in ports.items():
        assert f"server {name}:8080" in text
        text = text.replace(f"{name}:8080", f"127.0.0.1:{own}")
    config = folder / "nginx.conf"
    config.write_text(_of_its_own(folder) + text.replace("http {", f"http {{ {_paths(folder)}"))
    nginx = tool("nginx", "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    command = [nginx, "-c", str(config), "-p", str(folder), "-e", str(folder / "nginx.log")]
    with subprocess.Popen(command) as process:
        try:
            eventually(lambda: _listens(port), "nginx listens")
            yield port
        finally:
            process.terminate()


def _of_its_own(folder: Path) -> str:
    """One process, which ends with the test."""
    return f"daemon off; master_process off; pid {folder}/pid;\n"


def _paths(folder: Path) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return "access_log off; " + "".join(f"{kind}_temp_path {folder};" for kind in kinds)


def _listens(port: int) -> bool:
    with suppress(OSError), closing(http.client.HTTPConnection("127.0.0.1", port)) as to:
        to.connect()
        return True
    return False
