"""hatch against a running server: it looks up what exists at /+simple/ before it uploads."""

from pathlib import Path

import pytest

from tests.clients.client import Client, NewClient, Outcome
from tests.clients.evidence import installed, listed, promised
from tests.packages import sdist, wheel
from tests.server import Cloche

pytestmark = pytest.mark.clients

WHEEL = wheel("acme-hatch", "1.0")
SDIST = sdist("acme-hatch", "1.0")
OTHER = wheel("acme-hatch", "1.0", body=b"other = True\n")


@pytest.fixture
def hatch(new_client: NewClient) -> Client:
    return new_client("hatch")


def publish(hatch: Client, repository: str, token: str, *files: Path) -> Outcome:
    return hatch.run(
        *("publish", "--no-prompt", "--repo", repository, "--user", "__token__"),
        *("--auth", token),
        *files,
    )


@pytest.mark.parametrize("path", ["/legacy/", "/main/", "/main/legacy/"])
def test_what_hatch_publishes_pip_installs(
    path: str, hatch: Client, pip: Client, cloche: Cloche, tmp_path: Path
) -> None:
    """Hatch publishes to the upload URL, and to the index itself as it does to devpi."""
    files = [built.write(tmp_path) for built in (WHEEL, SDIST)]

    outcome = publish(hatch, cloche.url + path, cloche.first_token, *files)

    assert outcome.code == 0, outcome.output
    assert listed(cloche, "acme-hatch") == promised(WHEEL, SDIST)
    target = tmp_path / "target"
    pip.succeeds("install", "--index-url", cloche.simple, "--target", target, "acme-hatch")
    assert installed(target) == {"acme-hatch": "1.0"}


def test_hatch_sees_what_exists(hatch: Client, cloche: Cloche, tmp_path: Path) -> None:
    """Hatch uploads no file twice when the repository is the index: it finds it listed."""
    files = [built.write(tmp_path) for built in (WHEEL, SDIST)]
    repository, token = f"{cloche.url}/main/", cloche.token("upload", "read")
    assert publish(hatch, repository, token, *files).code == 0

    outcome = publish(hatch, repository, token, *files)

    assert outcome.code == 0, outcome.output
    assert outcome.words.count("already exists") == 2


def test_other_bytes_under_the_same_name_fail(
    hatch: Client, cloche: Cloche, tmp_path: Path
) -> None:
    """Hatch prints why other bytes under a name that is taken are refused."""
    token = cloche.first_token
    assert publish(hatch, cloche.legacy, token, WHEEL.write(tmp_path)).code == 0

    outcome = publish(hatch, cloche.legacy, token, OTHER.write(tmp_path))

    assert outcome.code != 0
    assert "File already exists" in outcome.words
    assert listed(cloche, "acme-hatch") == promised(WHEEL)


def test_a_wrong_token_is_refused(hatch: Client, cloche: Cloche, tmp_path: Path) -> None:
    """A token that the server did not make uploads nothing."""
    outcome = publish(hatch, cloche.legacy, "cloche_made-up", WHEEL.write(tmp_path))

    assert outcome.code != 0
    assert outcome.names(401, 403)
    assert cloche.get("/simple/acme-hatch/").status == 404
