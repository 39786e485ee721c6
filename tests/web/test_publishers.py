"""An index that names its publishers takes attestations of theirs alone."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from pypi_attestations import GitHubPublisher, Provenance

from tests.attestations import attestation, statement
from tests.packages import wheel
from tests.server import Cloche
from tests.sigstore import Sigstore
from tests.web.answers import detail, listed
from tests.web.forms import upload

SETTINGS = """
[attestations]
trust_root = "{root}"

[index.main]
uploads = true
publishers = ["github:acme/demo/release.yml", "gitlab:acme/demo//.gitlab-ci.yml"]
"""


@pytest.fixture(scope="module")
def sigstore() -> Sigstore:
    return Sigstore()


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory, sigstore: Sigstore) -> Iterator[Cloche]:
    folder = tmp_path_factory.mktemp("signing")
    config = folder / "cloche.toml"
    config.write_text(SETTINGS.format(root=sigstore.trust_root(folder)))
    with Cloche(folder / "data", config=config, offline=True) as server:
        yield server


def test_signed_upload(signing: Cloche, sigstore: Sigstore) -> None:
    """What a publisher has signed is taken, and its provenance says who that was."""
    built = wheel("pub-signed", "1.0")
    signed = sigstore.attest(statement(built), "acme/demo")

    reply = upload(signing.url, built, signing.first_token, attestations=json.dumps([signed]))

    assert reply.status == 200, reply.body
    place = f"/integrity/pub-signed/1.0/{built.filename}/provenance"
    body = signing.get(place).body
    [bundle] = msgspec.json.decode(body)["attestation_bundles"]
    assert bundle["attestations"] == [signed]
    assert bundle["publisher"] == {
        "kind": "GitHub",
        "claims": {},
        "repository": "acme/demo",
        "workflow": "release.yml",
    }
    [read] = Provenance.model_validate_json(body).attestation_bundles  # as its consumers read it
    assert isinstance(read.publisher, GitHubPublisher)


def test_upload_that_others_signed(signing: Cloche, sigstore: Sigstore) -> None:
    """What a stranger has signed, or nobody, is refused."""
    built = wheel("pub-stranger", "1.0")
    for said in (sigstore.attest(statement(built), "evil/demo"), attestation(statement(built))):
        reply = upload(signing.url, built, signing.first_token, attestations=json.dumps([said]))

        assert reply.status == 400
        assert "publishers" in detail(reply)
    assert listed(signing, "pub-stranger") == []


def test_upload_without_attestations(signing: Cloche) -> None:
    """Who attests nothing needs no publisher."""
    built = wheel("pub-bare", "1.0")

    assert upload(signing.url, built, signing.first_token).status == 200


def test_publisher_that_is_none(tmp_path: Path, signing: Cloche) -> None:
    """A publisher that cannot be understood is an error of the configuration."""
    config = tmp_path / "cloche.toml"
    config.write_text('[index.main]\npublishers = ["acme/demo"]\n')

    checked = signing.command("config", "check", str(config))

    assert checked.returncode != 0
    assert "index.main.publishers: 'acme/demo' is no publisher" in checked.stderr
