"""A certificate authority of our own and a leaf for the names that are stood in for."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_FILE = "ca.pem"
CA_KEY_FILE = "ca-key.pem"
LEAF_FILE = "leaf.pem"
NAMES = (
    "localhost",
    "127.0.0.1",
    "hub.docker.com",
    "registry.hub.docker.com",
    "registry-1.docker.io",
    "index.docker.io",
    "auth.docker.io",
)
LIFE = timedelta(days=30)

Key = ec.EllipticCurvePrivateKey


def server_context(folder: Path, names: Sequence[str]) -> ssl.SSLContext:
    """Serves a fresh leaf for these names and addresses. The CA in the folder is kept if there
    is one, so that a client which trusts it need not be told again."""
    folder.mkdir(parents=True, exist_ok=True)
    authority, authority_key = _authority(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = _leaf(list(dict.fromkeys(names)), key, authority, authority_key)
    _write_private(folder / LEAF_FILE, _pem(key) + _certificate_pem(leaf))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / LEAF_FILE)
    return context


def _authority(folder: Path) -> tuple[x509.Certificate, Key]:
    certificate_file, key_file = folder / CA_FILE, folder / CA_KEY_FILE
    if certificate_file.exists() and key_file.exists():
        kept = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        if isinstance(key, Key) and kept.not_valid_after_utc > datetime.now(UTC):
            return kept, key
    key = ec.generate_private_key(ec.SECP256R1())
    made = _self_signed(key)
    _write_private(key_file, _pem(key))
    certificate_file.write_bytes(_certificate_pem(made))
    return made, key


def _self_signed(key: Key) -> x509.Certificate:
    subject = _subject("Stand-in for Docker Hub, test CA")
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    return (
        _builder(subject, subject, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _leaf(
    names: Sequence[str], key: Key, authority: x509.Certificate, authority_key: Key
) -> x509.Certificate:
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    return (
        _builder(_subject(names[0]), authority.subject, key)
        .add_extension(x509.SubjectAlternativeName([_alternative(n) for n in names]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer_key, critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: Key) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # a client's clock may be a little behind
        .not_valid_after(now + LIFE)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write_private(file: Path, content: bytes) -> None:
    file.touch(mode=0o600)
    file.write_bytes(content)
