"""Keys: made once, private, and written in one way."""

from pathlib import Path

import pytest

from cloche.bundles.keys import Signer, check, public_key
from cloche.core.errors import BadSetting


def test_a_key_is_its_owners(tmp_path: Path) -> None:
    """The private key is readable by its owner alone, and signs what its public one confirms."""
    made = Signer.create(tmp_path / "key")
    loaded = Signer.load(tmp_path / "key")

    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert loaded.public == made.public == public_key(f" {made.public}\n")
    check(b"header", loaded.seal(b"header"), {made.public}, unsigned=False)


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    """A file that is there stays."""
    (tmp_path / "key").write_bytes(b"precious")

    with pytest.raises(BadSetting, match="not there"):
        Signer.create(tmp_path / "key")
    assert (tmp_path / "key").read_bytes() == b"precious"


@pytest.mark.parametrize("content", [b"", b"ed25519:", b"-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_what_is_no_private_key(tmp_path: Path, content: bytes) -> None:
    """Anything else than such a key is refused, and a file that is not there too."""
    (tmp_path / "key").write_bytes(content)

    with pytest.raises(BadSetting, match="holds no key"):
        Signer.load(tmp_path / "key")
    with pytest.raises(BadSetting, match="cannot be read"):
        Signer.load(tmp_path / "none")


@pytest.mark.parametrize("said", ["", "ed25519:", "ed25519:AAAA", "rsa:" + "A" * 44, "ä"])
def test_what_is_no_public_key(said: str) -> None:
    """A public key has its kind in front, and 32 bytes."""
    with pytest.raises(BadSetting, match="no public key"):
        public_key(said)
