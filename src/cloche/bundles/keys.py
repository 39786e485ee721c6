"""Keys that sign bundles: Ed25519 (RFC 8032), by the library `cryptography`."""

import base64
import binascii
import os
from collections.abc import Collection
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cloche.core.bundles import Sealed, broken, to_sign
from cloche.core.errors import BadBundle, BadSetting

KIND = "ed25519:"
_LENGTH = 32


class Signer:
    """A private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make a key that only this user can read. Raise BadSetting when the file is there."""
        made = Ed25519PrivateKey.generate()
        written = made.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(written)
                file.flush()
                os.fsync(fd)
        except OSError as e:
            raise BadSetting(
                f"the key {path} cannot be written ({e.strerror}); name a file that is not there"
            ) from None
        return cls(made)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raise BadSetting when that is no such key."""
        try:
            found = serialization.load_pem_private_key(path.read_bytes(), None)
        except OSError as e:
            raise BadSetting(
                f"the key {path} cannot be read ({e.strerror}); name another with --key"
            ) from None
        except (ValueError, TypeError, UnsupportedAlgorithm):
            found = None
        if not isinstance(found, Ed25519PrivateKey):
            raise BadSetting(
                f"{path} holds no key of `cloche bundle key create`; name that one with --key"
            )
        return cls(found)

    @property
    def public(self) -> str:
        """What the other side trusts."""
        raw = self._key.public_key().public_bytes_raw()
        return KIND + base64.b64encode(raw).decode()

    def seal(self, header: bytes) -> Sealed:
        signature = base64.b64encode(self._key.sign(to_sign(header))).decode()
        return Sealed(key=self.public, signature=signature)


def public_key(said: str) -> str:
    """The key in the one way in which it is written. Raise BadSetting when it is none."""
    try:
        raw = base64.b64decode(said.strip().removeprefix(KIND), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != _LENGTH or not said.strip().startswith(KIND):
        raise BadSetting(
            f"{said[:80]!r} is no public key; it is {KIND} and 44 characters, as "
            "`cloche bundle key create` prints it"
        )
    return KIND + base64.b64encode(raw).decode()


def check(header: bytes, sealed: Sealed, trusted: Collection[str], *, unsigned: bool) -> None:
    """Raise BadBundle unless somebody signed the header whom we trust.

    With `unsigned`, nobody need have signed it, or it may be a stranger; a signature that is there
    must be right.
    """
    if sealed.key:
        _check_signature(header, sealed)
        if sealed.key in trusted or unsigned:
            return
        raise BadBundle(
            f"the bundle is signed with {sealed.key}, which is not trusted here; if it is the "
            "right key, name it with --trust or in the upstream's `trust`"
        )
    if not unsigned:
        raise BadBundle(
            "the bundle is not signed; make it with --key, or take it as it is with "
            "--allow-unsigned"
        )


def _check_signature(header: bytes, sealed: Sealed) -> None:
    try:
        raw = base64.b64decode(public_key(sealed.key).removeprefix(KIND))
        signature = base64.b64decode(sealed.signature, validate=True)
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, to_sign(header))
    except (BadSetting, InvalidSignature, ValueError):
        raise broken("its signature is not over this header") from None
