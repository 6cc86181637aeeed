"""A client for a local server: short waits, no proxies of the machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from extractors.client import Client

TOKEN = "sntryu_canary0123456789abcdef"


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An authority of our own, and a certificate for 127.0.0.1 with its key."""
    return write_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def neutral_machine(monkeypatch: pytest.MonkeyPatch, certificates: tuple[Path, Path]) -> None:
    """No proxies; and one authority instead of all the system's, which take long to load."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates[0]))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def client_for() -> Iterator[Callable[..., Client]]:
    """Makes clients that wait hundredths of a second where the real ones wait seconds."""
    made: list[Client] = []

    def make(url: str, **options: Any) -> Client:
        client = Client(url, TOKEN, **({"first_wait": 0.001, "longest_wait": 0.01, "timeout": 5.0} | options))
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


def write_certificates(folder: Path) -> tuple[Path, Path]:
    """PEM files: an authority of our own; a certificate for 127.0.0.1 with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = datetime.now(UTC)

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    def build(subject: str, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("authority"))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )

    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = build("authority", authority_key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = build("server", key.public_key()).add_extension(names, critical=False)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(authority.sign(authority_key, hashes.SHA256()).public_bytes(pem))
    (folder / "server.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.sign(authority_key, hashes.SHA256()).public_bytes(pem)
    )
    return folder / "ca.pem", folder / "server.pem"
