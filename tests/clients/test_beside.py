"""What clients bring beside a file, and what twine does not do anywhere but at PyPI."""

import json
from pathlib import Path

import msgspec
import pytest

from tests.attestations import attestation, statement
from tests.clients.client import Client, NewClient, Outcome
from tests.clients.evidence import JSON
from tests.packages import sdist, wheel
from tests.server import Cloche
from tests.web.test_signatures import ARMORED

pytestmark = pytest.mark.clients

TWINES = ("twine4", "twine6", "twine")
WHEEL = wheel("acme-beside", "1.0", summary="x")
SDIST = sdist("acme-beside", "1.0", summary="x")


def upload(twine: Client, cloche: Cloche, *arguments: str | Path) -> Outcome:
    return twine.run(
        *("upload", "--repository-url", cloche.legacy, "--username", "__token__"),
        *("--password", cloche.first_token, *arguments),
    )


def facts(cloche: Cloche, filename: str) -> dict[str, object]:
    page = msgspec.json.decode(cloche.get("/simple/acme-beside/", {"Accept": JSON}).body)
    found: dict[str, object] = next(f for f in page["files"] if f["filename"] == filename)
    return found


@pytest.mark.parametrize("name", ["twine6", "twine"])
def test_twine_skips_for_pypi_alone(
    name: str, new_client: NewClient, cloche: Cloche, tmp_path: Path
) -> None:
    """Twine since 6 takes --skip-existing for PyPI alone: it refuses before it asks anybody."""
    refused = upload(new_client(name), cloche, "--skip-existing", WHEEL.write(tmp_path))

    assert refused.code != 0
    assert "--skip-existing" in refused.words
    assert cloche.get("/simple/acme-beside/").status == 404


@pytest.mark.parametrize("name", TWINES)
def test_twine_sends_signatures(
    name: str, new_client: NewClient, cloche: Cloche, tmp_path: Path
) -> None:
    """A signature that lies beside the file is kept beside it."""
    signature = tmp_path / f"{WHEEL.filename}.asc"
    signature.write_bytes(ARMORED)

    outcome = upload(new_client(name), cloche, WHEEL.write(tmp_path), signature)

    assert outcome.code == 0, outcome.output
    place = f"/packages/main/acme-beside/{WHEEL.sha256}/{WHEEL.filename}"
    assert cloche.get(f"{place}.asc").body == ARMORED
    assert facts(cloche, WHEEL.filename)["gpg-sig"] is True


@pytest.mark.parametrize("name", ["twine6", "twine"])
def test_twine_sends_attestations(
    name: str, new_client: NewClient, cloche: Cloche, tmp_path: Path
) -> None:
    """Attestations that lie beside the file become its provenance."""
    beside = tmp_path / f"{WHEEL.filename}.publish.attestation"
    beside.write_text(json.dumps(attestation(statement(WHEEL))))

    outcome = upload(new_client(name), cloche, "--attestations", WHEEL.write(tmp_path), beside)

    assert outcome.code == 0, outcome.output
    assert_attested(cloche)


def test_uv_sends_attestations(new_client: NewClient, cloche: Cloche, tmp_path: Path) -> None:
    """Uv sends the attestations among the files that it is given, without being told to."""
    beside = tmp_path / f"{WHEEL.filename}.publish.attestation"
    beside.write_text(json.dumps(attestation(statement(WHEEL))))

    new_client("uv").succeeds(
        *("publish", "--publish-url", cloche.legacy, "--token", cloche.first_token),
        *(WHEEL.write(tmp_path), beside),
    )

    assert_attested(cloche)


def assert_attested(cloche: Cloche) -> None:
    place = str(facts(cloche, WHEEL.filename)["provenance"])
    reply = cloche.get(place.removeprefix(cloche.url))
    [bundle] = msgspec.json.decode(reply.body)["attestation_bundles"]
    assert bundle["attestations"] == [attestation(statement(WHEEL))]
