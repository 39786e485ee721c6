"""Publishers that are pinned: whose signatures an upstream's files must have, to be shown."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.attestations import attestation, statement
from tests.packages import Built, sdist, wheel
from tests.server import Cloche
from tests.sigstore import Sigstore
from tests.upstream.controller import Upstream
from tests.web.answers import listed
from tests.web.forms import upload

SETTINGS = """
[attestations]
trust_root = "{root}"

[upstream.pypi]
url = "{url}"

[index.main]
sources = ["pypi"]
uploads = true

[[index.main.rule]]
kind = "provenance"
publishers = ["github:acme/demo/release.yml"]
"""

GITHUB = {"kind": "GitHub", "repository": "acme/demo", "workflow": "release.yml"}
EVIL = GITHUB | {"repository": "evil/demo"}


@pytest.fixture(scope="module")
def sigstore() -> Sigstore:
    return Sigstore()


@pytest.fixture
def server(upstream: Upstream, sigstore: Sigstore, tmp_path: Path) -> Iterator[Cloche]:
    config = tmp_path / "cloche.toml"
    config.write_text(SETTINGS.format(root=sigstore.trust_root(tmp_path), url=upstream.simple))
    with Cloche(tmp_path / "data", config=config) as server:
        yield server


def put(upstream: Upstream, built: Built, *bundles: tuple[dict[str, Any], list[object]]) -> None:
    """Have the upstream list a file whose provenance claims this."""
    said = [{"publisher": publisher, "attestations": signed} for publisher, signed in bundles]
    body = json.dumps({"version": 1, "attestation_bundles": said}).encode()
    beside = Built(f"{built.filename}.provenance", body, b"", "side", "1.0")
    where = upstream.add(beside, metadata=False)
    upstream.add(built, provenance=upstream.url + where)


def reason(server: Cloche, built: Built) -> str:
    """Why the file is denied at its own address."""
    reply = server.get(f"/packages/main/{built.project}/{built.sha256}/{built.filename}")
    assert reply.status == 403
    problem: dict[str, str] = json.loads(reply.body)
    assert problem["rule"] == "provenance"
    return problem["reason"]


def test_who_signed_is_verified(upstream: Upstream, server: Cloche, sigstore: Sigstore) -> None:
    """Of all that an upstream lists, what the publisher has signed is shown, and nothing else."""
    good, evil, liar, empty, false, bare, other = (
        wheel("pinned", f"{number}.0") for number in range(1, 8)
    )

    def by(repository: str, built: Built) -> object:
        return sigstore.attest(statement(built), repository)

    put(upstream, good, (GITHUB, [by("acme/demo", good)]))
    put(upstream, evil, (EVIL, [by("evil/demo", evil)]))
    put(upstream, liar, (GITHUB, [by("evil/demo", liar)]))
    put(upstream, empty, (GITHUB, []))
    put(upstream, false, (GITHUB, [attestation(statement(false))]))
    upstream.add(bare)
    put(upstream, other, (GITHUB, [by("acme/demo", good)]))

    assert listed(server, "pinned") == [good.filename]
    assert server.get(f"/packages/main/pinned/{good.sha256}/{good.filename}").body == good.content
    assert reason(server, evil) == (
        "it is signed by github:evil/demo/release.yml, and is to be by github:acme/demo/release.yml"
    )
    assert "not signed by github:acme/demo/release.yml, as it claims" in reason(server, liar)
    assert "nothing is signed" in reason(server, empty)
    assert "not signed by github:acme/demo/release.yml, as it claims" in reason(server, false)
    assert reason(server, bare) == "no attestations of it are known"
    assert "is about" in reason(server, other)


def test_one_good_bundle_will_do(upstream: Upstream, server: Cloche, sigstore: Sigstore) -> None:
    """A file that several publishers have signed is shown if one of them is known."""
    built = wheel("pin-two", "1.0")
    mine = sigstore.attest(statement(built), "acme/demo")
    put(upstream, built, ({"kind": "Google"}, [mine]), (GITHUB, [mine]))

    assert listed(server, "pin-two") == [built.filename]


def test_it_is_verified_once(upstream: Upstream, sigstore: Sigstore, tmp_path: Path) -> None:
    """What was verified is known after a restart, with the upstream down."""
    built = sdist("pin-once", "1.0")
    put(upstream, built, (GITHUB, [sigstore.attest(statement(built), "acme/demo")]))
    config = tmp_path / "cloche.toml"
    config.write_text(SETTINGS.format(root=sigstore.trust_root(tmp_path), url=upstream.simple))
    with Cloche(tmp_path / "data", config=config) as server:
        assert listed(server, "pin-once") == [built.filename]
        assert len(upstream.requests("/files/side/")) == 1

    with upstream.down(), Cloche(tmp_path / "data", config=config, offline=True) as server:
        assert listed(server, "pin-once") == [built.filename]
    assert len(upstream.requests("/files/side/")) == 1


def test_uploads_are_judged_alike(server: Cloche, sigstore: Sigstore) -> None:
    """An own upload without a publisher that was verified is withheld."""
    built = wheel("pin-own", "1.0")
    said = json.dumps([sigstore.attest(statement(built), "acme/demo")])
    assert upload(server.url, built, server.first_token, attestations=said).status == 200

    assert "publisher of kind 'token'" in reason(server, built)
