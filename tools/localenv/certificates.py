"""Keys and certificates for the servers of the harness: made in Python, valid for one day."""

import datetime
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

_DAY = datetime.timedelta(days=1)
_CURVE = ec.SECP256R1()
_NOT_FOR_AN_AUTHORITY = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True)
class ServerCertificate:
    """Three PEM files: the authority's certificate, the server's certificate, and the server's key."""

    authority: Path
    certificate: Path
    key: Path


@dataclass(frozen=True)
class _Issuer:
    name: x509.Name
    key: ec.EllipticCurvePrivateKey


def issue_server_certificate(folder: Path, address: str) -> ServerCertificate:
    """Write a new authority and a certificate for `address` and for localhost into `folder`."""
    files = ServerCertificate(folder / "ca.crt", folder / "server.crt", folder / "server.key")
    authority = _Issuer(_name("roleshift-local-ca"), ec.generate_private_key(_CURVE))
    server_key = ec.generate_private_key(_CURVE)
    _write(files.authority, _sign(authority, authority.name, authority.key, _authority_extensions()))
    _write(files.certificate, _sign(authority, _name(address), server_key, _server_extensions(address)))
    _write_key(files.key, server_key)
    return files


def create_signing_key(path: Path) -> None:
    """Write the RSA key that the API server signs service account tokens with."""
    _write_key(path, rsa.generate_private_key(public_exponent=65537, key_size=2048))


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _authority_extensions() -> list[x509.ExtensionType]:
    denied = dict.fromkeys(_NOT_FOR_AN_AUTHORITY, False)
    usage = x509.KeyUsage(**denied, key_cert_sign=True, crl_sign=True)
    return [x509.BasicConstraints(ca=True, path_length=None), usage]


def _server_extensions(address: str) -> list[x509.ExtensionType]:
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(address))]
    return [x509.BasicConstraints(ca=False, path_length=None), x509.SubjectAlternativeName(names)]


def _sign(
    issuer: _Issuer,
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    extensions: Iterable[x509.ExtensionType],
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
    subject_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        x509.CertificateBuilder(issuer.name, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(issuer_id, critical=False)
        .add_extension(subject_id, critical=False)
    )
    for extension in extensions:
        strict = not isinstance(extension, x509.SubjectAlternativeName)
        builder = builder.add_extension(extension, critical=strict)
    return builder.sign(issuer.key, hashes.SHA256())


def _write(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
