"""Servers that speak TLS, and what clients show them."""

import http.server
import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from e2e.clients import PATIENCE, tool
from standin import tls

PAGE = {"count": 1, "next": None, "previous": None, "results": [{"name": "1.0"}]}
NAMES = ("localhost", "127.0.0.1")


def client_certificate(file: Path, name: str = "bridge") -> Path:
    """A certificate that vouches for itself, with its key behind it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = tls._subject(name)
    made = tls._builder(subject, subject, key).sign(key, hashes.SHA256())
    file.parent.mkdir(parents=True, exist_ok=True)
    tls._write_private(file, tls._certificate_pem(made) + tls._pem(key))
    return file


def rehashed(folder: Path, authority: Path) -> Path:
    """A folder of trusted CAs with this one in it, as OpenSSL wants it."""
    folder.mkdir()
    shutil.copy(authority, folder / "ca.pem")
    subprocess.run([tool("openssl"), "rehash", folder], check=True, timeout=PATIENCE)
    return folder


@contextmanager
def secured(
    folder: Path, names: Sequence[str] = NAMES, *, demanded: Path | None = None
) -> Iterator["Secured"]:
    """A server that gives everybody the same page of tags, if they show the certificate that is
    demanded; its CA is made in the folder."""
    context = tls.server_context(folder, names)
    if demanded is not None:
        context.load_verify_locations(demanded)
        context.verify_mode = ssl.CERT_REQUIRED
    with Secured(context) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class Secured(http.server.ThreadingHTTPServer):
    """It knows whose certificates it has seen: the names in them, None for none."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.shown: list[str | None] = []
        self.headers: list[str] = []
        """The names of all headers that came, in lower case."""

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Secured
    connection: ssl.SSLSocket

    def do_GET(self) -> None:
        shown = self.connection.getpeercert(binary_form=True)
        self.server.shown.append(_name(shown) if shown else None)
        self.server.headers += [name.lower() for name in self.headers]
        body = json.dumps(PAGE).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def _name(certificate: bytes) -> str:
    subject = x509.load_der_x509_certificate(certificate).subject
    return str(subject.rfc4514_string()).removeprefix("CN=")
