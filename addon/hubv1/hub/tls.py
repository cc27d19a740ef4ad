"""How Docker's hosts are reached: whom to trust, as whom, and through which proxy."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import certifi


@dataclass(frozen=True, slots=True)
class Connections:
    """The settings of connections, named and meant as mitmproxy's own options."""

    insecure: bool = False
    """Believe any certificate."""
    ca_file: str = ""
    """Trust these CAs instead of the system's."""
    ca_folder: str = ""
    """Trust the CAs in this folder, which OpenSSL's c_rehash has prepared."""
    client_certs: str = ""
    """A certificate with its key to show, or a folder with one for each host: `<host>.pem`."""
    proxy: str = ""
    """URL of the proxy that every request goes through."""
    proxy_auth: str = ""
    """`user:password` for it."""

    def __repr__(self) -> str:
        """Without the proxy's credentials."""
        return f"<connections through {self.proxy or 'no proxy'}>"

    def context_for(self, host: str) -> ssl.SSLContext:
        """The TLS settings for connections to `host`.

        Raises OSError (ssl.SSLError is one) where a file that is named cannot be used.
        """
        context = self._trusting()
        certificate = Path(self.client_certs).expanduser()
        if self.client_certs and certificate.is_dir():
            certificate /= f"{host}.pem"
        if self.client_certs and certificate.is_file():
            context.load_cert_chain(certificate)
        return context

    def _trusting(self) -> ssl.SSLContext:
        if self.ca_file or self.ca_folder:
            context = ssl.create_default_context(
                cafile=_expanded(self.ca_file), capath=_expanded(self.ca_folder)
            )
        else:
            context = ssl.create_default_context()
            # A machine without a CA store of its own is no reason to fail.
            context.load_verify_locations(certifi.where())
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _expanded(path: str) -> str | None:
    return str(Path(path).expanduser()) if path else None
