"""hatch against a running server: the addresses that it can upload to."""

from pathlib import Path

import pytest

from tests.clients.client import Client, NewClient, Outcome
from tests.clients.evidence import installed, listed, promised
from tests.packages import sdist, wheel
from tests.server import Cloche

pytestmark = pytest.mark.clients

WHEEL = wheel("acme-hatch", "1.0")
SDIST = sdist("acme-hatch", "1.0")


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
