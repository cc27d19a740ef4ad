"""nginx in front of three bridges, as docs/fleet.md sets it up."""

import re
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from addresses import Address, own_address
from e2e.bridges import ROOT, eventually
from e2e.clients import tool

PAGE = (ROOT / "docs" / "fleet.md").read_text(encoding="utf-8")
NAMES = ("bridge-1", "bridge-2", "bridge-3")


def block(language: str) -> str:
    """The one block of that language on the page."""
    [found] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


@contextmanager
def running_balancer(
    folder: Path, bridges: Mapping[str, Address], text: str | None = None
) -> Iterator[Address]:
    """Nginx with the page's configuration, or another one like it; gives its address."""
    address = own_address()
    text = (text or block("nginx")).replace("listen 8080", f"listen {address}")
    for name, own in bridges.items():
        assert f"server {name}:8080" in text
        text = text.replace(f"{name}:8080", str(own))
    config = folder / "nginx.conf"
    config.write_text(_of_its_own(folder) + text.replace("http {", f"http {{ {_paths(folder)}"))
    nginx = tool("nginx", "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    command = [nginx, "-c", str(config), "-p", str(folder), "-e", str(folder / "nginx.log")]
    with subprocess.Popen(command) as process:
        try:
            eventually(lambda: listens(process, address), "nginx listens")
            yield address
        finally:
            process.terminate()


def _of_its_own(folder: Path) -> str:
    """One process, which ends with the test."""
    return f"daemon off; master_process off; pid {folder}/pid;\n"


def _paths(folder: Path) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return "access_log off; " + "".join(f"{kind}_temp_path {folder};" for kind in kinds)


def listens(process: subprocess.Popen[bytes], address: Address) -> bool:
    assert process.poll() is None, "it ended"
    try:
        socket.create_connection((address.host, address.port)).close()
    except ConnectionRefusedError:
        return False
    return True
