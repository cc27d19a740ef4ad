"""A real registry: Debian's docker-registry, filled through its own API."""

import hashlib
import http.client
import json
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from addresses import Address, own_address
from e2e.bridges import PATIENCE, eventually
from e2e.clients import clean_environment, tool

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
IMAGE = "application/vnd.docker.container.image.v1+json"
PUSHERS = 4


@contextmanager
def running_registry(folder: Path) -> Iterator[Address]:
    """The address of a registry that keeps its files in this folder."""
    program, address = tool("docker-registry"), own_address()
    config = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": str(address)},
    }
    file = folder / "config.yml"
    file.write_text(json.dumps(config), encoding="utf-8")  # which is YAML too
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "serve", file],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=clean_environment(folder),
        )
    try:
        eventually(lambda: _answers(process, address), "docker-registry answers")
        yield address
    finally:
        process.kill()
        process.wait(PATIENCE)


def push(registry: Address, repository: str, tags: Sequence[str]) -> None:
    """One tiny image under all these names."""
    config = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
    digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    described = {"mediaType": IMAGE, "size": len(config), "digest": digest}
    manifest = json.dumps(
        {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": []}
    ).encode()
    with closing(_connection(registry)) as connection:
        place = _sent(connection, "POST", f"/v2/{repository}/blobs/uploads/", b"", "")
        to = urlsplit(place)
        _sent(connection, "PUT", f"{to.path}?{to.query}&digest={digest}", config, IMAGE)

    def push_some(some: Sequence[str]) -> None:
        with closing(_connection(registry)) as connection:
            for tag in some:
                _sent(connection, "PUT", f"/v2/{repository}/manifests/{tag}", manifest, MANIFEST)

    with ThreadPoolExecutor(PUSHERS) as pool:
        list(pool.map(push_some, [tags[start::PUSHERS] for start in range(PUSHERS)]))


def _connection(registry: Address) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(registry.host, registry.port, timeout=PATIENCE)


def _sent(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes, media_type: str
) -> str:
    """The Location that an accepted request is answered with."""
    connection.request(method, path, body, {"Content-Type": media_type} if media_type else {})
    response = connection.getresponse()
    said = response.read()
    assert response.status in {201, 202}, (response.status, said)
    return response.headers.get("Location", "")


def _answers(process: subprocess.Popen[bytes], registry: Address) -> bool:
    assert process.poll() is None, "docker-registry ended"
    with closing(_connection(registry)) as connection:
        try:
            connection.request("GET", "/v2/")
            return connection.getresponse().status == 200
        except OSError:
            return False
