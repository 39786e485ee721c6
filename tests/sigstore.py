"""A Sigstore of the tests' own: a certificate authority, two logs, and a signer at a workflow.

What it signs is verified by sigstore's own code, against a trust root that names these keys.
"""

import base64
import hashlib
import json
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

ISSUER = "https://token.actions.githubusercontent.com"
PAYLOAD = "application/vnd.in-toto+json"
FULCIO = "1.3.6.1.4.1.57264.1."  # what a certificate says of the workflow
SCTS = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _public(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _sign(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _utf8(text: str) -> bytes:
    """A DER UTF8String."""
    data = text.encode()
    assert len(data) < 128
    return bytes([0x0C, len(data)]) + data


@dataclass
class Sigstore:
    """Signs as a workflow of a repository on GitHub."""

    ca: ec.EllipticCurvePrivateKey = field(default_factory=_key)
    ct_log: ec.EllipticCurvePrivateKey = field(default_factory=_key)
    rekor: ec.EllipticCurvePrivateKey = field(default_factory=_key)
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def __post_init__(self) -> None:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")])
        self.root = (
            x509.CertificateBuilder(name, name, self.ca.public_key(), 1)
            .not_valid_before(self.now - timedelta(days=1))
            .not_valid_after(self.now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.ca.public_key()), False)  # noqa: FBT003
            .sign(self.ca, hashes.SHA256())
        )

    def trust_root(self, folder: Path) -> Path:
        """Write the trust root that makes verifiers believe what is signed here."""
        start = {"start": (self.now - timedelta(days=1)).isoformat().replace("+00:00", "Z")}

        def log(key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
            return {
                "baseUrl": "http://127.0.0.1:9",
                "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": _base64(_public(key)),
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": start,
                },
                "logId": {"keyId": _base64(hashlib.sha256(_public(key)).digest())},
            }

        root = _base64(self.root.public_bytes(Encoding.DER))
        said = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(self.rekor)],
            "ctlogs": [log(self.ct_log)],
            "certificateAuthorities": [
                {
                    "subject": {"organization": "tests", "commonName": "root"},
                    "uri": "http://127.0.0.1:9",
                    "certChain": {"certificates": [{"rawBytes": root}]},
                    "validFor": start,
                }
            ],
            "timestampAuthorities": [],
        }
        path = folder / "trusted_root.json"
        path.write_text(json.dumps(said))
        return path

    def attest(
        self, statement: dict[str, Any], repository: str, workflow: str = "release.yml"
    ) -> dict[str, Any]:
        """Sign a statement as this workflow does, and write the attestation (PEP 740)."""
        key = _key()
        certificate = self._certificate(key, repository, workflow)
        payload = json.dumps(statement).encode()
        kind = PAYLOAD.encode()
        signature = _sign(key, b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload))
        return {
            "version": 1,
            "verification_material": {
                "certificate": _base64(certificate.public_bytes(Encoding.DER)),
                "transparency_entries": [self._entry(certificate, payload, signature)],
            },
            "envelope": {"statement": _base64(payload), "signature": _base64(signature)},
        }

    def _certificate(
        self, key: ec.EllipticCurvePrivateKey, repository: str, workflow: str
    ) -> x509.Certificate:
        uri = f"https://github.com/{repository}"
        build = f"{uri}/.github/workflows/{workflow}@refs/tags/v1"
        builder = (
            x509.CertificateBuilder(
                self.root.subject, x509.Name([]), key.public_key(), x509.random_serial_number()
            )
            .not_valid_before(self.now - timedelta(minutes=5))
            .not_valid_after(self.now + timedelta(minutes=5))
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False)  # noqa: FBT003
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.ca.public_key()),
                False,  # noqa: FBT003
            )
            .add_extension(
                x509.SubjectAlternativeName([x509.UniformResourceIdentifier(build)]), critical=True
            )
        )
        for number, text in ((8, ISSUER), (12, uri), (14, "refs/tags/v1"), (18, build)):
            oid = ObjectIdentifier(f"{FULCIO}{number}")
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, _utf8(text)), False)  # noqa: FBT003
        bare = builder.sign(self.ca, hashes.SHA256())
        stamps = x509.UnrecognizedExtension(SCTS, self._stamp(bare.tbs_certificate_bytes))
        return builder.add_extension(stamps, False).sign(self.ca, hashes.SHA256())  # noqa: FBT003

    def _stamp(self, tbs: bytes) -> bytes:
        """The list of one timestamp of the certificate log (RFC 6962, section 3.3)."""
        milliseconds = int(self.now.timestamp()) * 1000
        issuer = hashlib.sha256(_public(self.ca)).digest()
        entry = issuer + len(tbs).to_bytes(3, "big") + tbs
        signed = struct.pack("!BBQH", 0, 0, milliseconds, 1) + entry + b"\0\0"
        signature = _sign(self.ct_log, signed)
        log = hashlib.sha256(_public(self.ct_log)).digest()
        stamp = struct.pack("!B32sQHBBH", 0, log, milliseconds, 0, 4, 3, len(signature)) + signature
        listed = struct.pack("!HH", len(stamp) + 2, len(stamp)) + stamp
        assert len(listed) < 128
        return bytes([0x04, len(listed)]) + listed

    def _entry(
        self, certificate: x509.Certificate, payload: bytes, signature: bytes
    ) -> dict[str, Any]:
        """The entry of the transparency log, the only one of its tree."""
        body = json.dumps(_body(certificate, payload, signature)).encode()
        log = hashlib.sha256(_public(self.rekor)).digest()
        root = hashlib.sha256(b"\0" + body).digest()
        note = f"tests - 1\n1\n{_base64(root)}\n"
        note_signature = log[:4] + _sign(self.rekor, note.encode())
        at = int(self.now.timestamp())
        promised = {"body": _base64(body), "integratedTime": at, "logID": log.hex(), "logIndex": 0}
        promise = json.dumps(promised, separators=(",", ":")).encode()
        return {
            "logIndex": "0",
            "logId": {"keyId": _base64(log)},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(at),
            "inclusionPromise": {"signedEntryTimestamp": _base64(_sign(self.rekor, promise))},
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": _base64(root),
                "treeSize": "1",
                "hashes": [],
                "checkpoint": {"envelope": f"{note}\n— tests {_base64(note_signature)}\n"},
            },
            "canonicalizedBody": _base64(body),
        }


def _body(certificate: x509.Certificate, payload: bytes, signature: bytes) -> dict[str, Any]:
    digest = {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()}
    pem = certificate.public_bytes(Encoding.PEM)
    signed = {"signature": _base64(signature), "verifier": _base64(pem)}
    spec = {"envelopeHash": digest, "payloadHash": digest, "signatures": [signed]}
    return {"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
