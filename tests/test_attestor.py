"""Who signed: Sigstore's own verifier against a Sigstore of the tests' own."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from cloche import attestor
from cloche.core.errors import BadSetting, BadUpload, UpstreamDown
from cloche.core.publishers import publisher
from cloche.ports import Attestor
from tests.attestations import attestation, statement
from tests.packages import wheel
from tests.sigstore import Sigstore

pytestmark = pytest.mark.anyio

BUILT = wheel("signed", "1.0")
SLSA = statement(BUILT, "https://slsa.dev/provenance/v1")
OURS = publisher("github:acme/demo/release.yml")
OTHERS = [publisher("github:acme/other/release.yml"), publisher("gitlab:acme/demo//release.yml")]


@pytest.fixture(scope="module")
def sigstore() -> Sigstore:
    return Sigstore()


@pytest.fixture
def verifying(sigstore: Sigstore, tmp_path: Path) -> Attestor:
    return attestor.connect(sigstore.trust_root(tmp_path), needed=True, offline=True)


def written(*said: Any) -> list[bytes]:
    return [json.dumps(each).encode() for each in said]


async def test_signer_is_found(sigstore: Sigstore, verifying: Attestor) -> None:
    """Of several publishers the one that has signed everything is told."""
    signed = written(*(sigstore.attest(SLSA, "acme/demo") for _ in range(2)))

    assert await verifying.verify(signed, [*OTHERS, OURS]) == OURS


@pytest.mark.parametrize(
    ("repository", "workflow"),
    [("acme/fork", "release.yml"), ("acme/demo", "test.yml"), ("acme/demo2", "release.yml")],
)
async def test_another_signer(
    sigstore: Sigstore, verifying: Attestor, repository: str, workflow: str
) -> None:
    """What another repository or workflow has signed is refused."""
    signed = written(sigstore.attest(SLSA, repository, workflow))

    with pytest.raises(BadUpload, match="none of this index's publishers"):
        await verifying.verify(signed, [OURS, *OTHERS])


async def test_all_must_be_signed(sigstore: Sigstore, verifying: Attestor) -> None:
    """One attestation of another's among good ones is enough to refuse them all."""
    good, bad = sigstore.attest(SLSA, "acme/demo"), sigstore.attest(SLSA, "acme/other")

    with pytest.raises(BadUpload):
        await verifying.verify(written(good, bad), [OURS, *OTHERS])


async def test_another_sigstore(verifying: Attestor) -> None:
    """What another Sigstore vouches for is refused, whatever its certificates say."""
    with pytest.raises(BadUpload):
        await verifying.verify(written(Sigstore().attest(SLSA, "acme/demo")), [OURS])


async def test_changed_statement(sigstore: Sigstore, verifying: Attestor) -> None:
    """A signature holds for the very statement that was signed."""
    signed = sigstore.attest(SLSA, "acme/demo")
    other = json.dumps(statement(wheel("signed", "2.0"))).encode()
    signed["envelope"]["statement"] = base64.b64encode(other).decode()

    with pytest.raises(BadUpload):
        await verifying.verify(written(signed), [OURS])


async def test_entry_of_another_signature(sigstore: Sigstore, verifying: Attestor) -> None:
    """The transparency log must have this very signature."""
    one, other = (sigstore.attest(SLSA, "acme/demo") for _ in range(2))
    entries = other["verification_material"]["transparency_entries"]
    one["verification_material"]["transparency_entries"] = entries

    with pytest.raises(BadUpload):
        await verifying.verify(written(one), [OURS])


@pytest.mark.parametrize("raw", [b"{}", b"[", json.dumps(attestation(SLSA)).encode()])
async def test_nothing_signed(verifying: Attestor, raw: bytes) -> None:
    """What only looks like an attestation, or not even that, is refused and harms nothing."""
    with pytest.raises(BadUpload):
        await verifying.verify([raw], [OURS])


async def test_keys_that_cannot_be_read(tmp_path: Path) -> None:
    """Without keys nothing is refused for good: it may be tried again."""
    root = tmp_path / "trusted_root.json"
    root.write_text("{}")

    with pytest.raises(UpstreamDown, match="trust_root"):
        await attestor.connect(root, needed=True, offline=True).verify([b"{}"], [OURS])


def test_keys_that_are_not_there(tmp_path: Path) -> None:
    """A trust root that is not there is an error before anything starts."""
    with pytest.raises(BadSetting, match="trust_root"):
        attestor.connect(tmp_path / "none.json", needed=False, offline=True)


def test_extra_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Publishers without the extra are an error that names it; without publishers it is no loss."""
    monkeypatch.setattr(attestor, "find_spec", lambda _: None)

    attestor.connect(None, needed=False, offline=True)
    with pytest.raises(BadSetting, match=r"cloche\[attestations\]"):
        attestor.connect(None, needed=True, offline=True)


async def test_extra_that_turns_out_to_be_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra nothing is believed, and the sentence names it."""
    monkeypatch.setattr(attestor, "find_spec", lambda _: None)

    with pytest.raises(UpstreamDown, match=r"cloche\[attestations\]"):
        await attestor.connect(None, needed=False, offline=True).verify([b"{}"], [OURS])
