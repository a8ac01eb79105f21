"""A certificate authority of one stack: it signs certificates of loopback servers and of their clients on the spot."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from headwater.pipelines.stack.ports import LOOPBACK

VALID_DAYS = 397
BACKDATED = dt.timedelta(minutes=5)
"""A clock may be a little behind the one that signs."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who someone is: files of PEM, and one of a password. `both` is certificate and key in one file."""

    name: str
    directory: Path

    @property
    def certificate(self) -> Path:
        return self.directory / "certificate.pem"

    @property
    def key(self) -> Path:
        return self.directory / "key.pem"

    @property
    def both(self) -> Path:
        return self.directory / "both.pem"

    @property
    def password_file(self) -> Path:
        return self.directory / "password"

    @property
    def password(self) -> str:
        return self.password_file.read_text()


class Authority:
    """The authority that stands in a directory, which only its owner can read; made when it is first needed.

    Attributes:
        certificate: what others trust it by.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key_file = directory / "ca.key.pem"
        self.certificate = directory / "ca.pem"
        if not self._key_file.exists():
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o700)
            self._make()

    def identity(self, name: str, *, valid: dt.timedelta = dt.timedelta(days=VALID_DAYS)) -> Identity:
        """Who has this name: as it was made before, else with a new certificate and password."""
        found = Identity(name, self._directory / name)
        if not found.both.exists():
            self.renew(found, valid=valid)
        return found

    def renew(self, identity: Identity, *, valid: dt.timedelta = dt.timedelta(days=VALID_DAYS)) -> None:
        """Gives it a new key, certificate and password in place of those that it had, if any."""
        key = ec.generate_private_key(ec.SECP256R1())
        addresses = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(LOOPBACK))]
        uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        authority = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        signer = serialization.load_pem_private_key(self._key_file.read_bytes(), None)
        certificate = (
            _builder(identity.name, authority.subject, key.public_key(), valid)
            .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(cast("ec.EllipticCurvePrivateKey", signer), hashes.SHA256())
        )
        identity.directory.mkdir(parents=True, exist_ok=True)
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        write_private(identity.certificate, pem)
        write_private(identity.key, _pem(key))
        write_private(identity.password_file, secrets.token_urlsafe(24).encode())
        write_private(identity.both, _pem(key) + pem)

    def _make(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "headwater local stack")])
        certificate = (
            _builder("headwater local stack", name, key.public_key(), dt.timedelta(days=VALID_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        write_private(self.certificate, certificate.public_bytes(serialization.Encoding.PEM))
        write_private(self._key_file, _pem(key))


def write_private(file: Path, content: bytes) -> None:
    """Replaces the file by one with this content that only its owner can read."""
    temporary = file.with_name(f".{file.name}.part")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:  # noqa: PTH123 - no mode
        opened.write(content)
    temporary.replace(file)


def _builder(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey, valid: dt.timedelta
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, now + valid) - BACKDATED)
        .not_valid_after(now + valid)
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
