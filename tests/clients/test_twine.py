"""twine against a running server: uploads, repeated uploads, and refusals that explain."""

from pathlib import Path

import pytest

from tests.clients.client import Client, NewClient, Outcome
from tests.clients.evidence import installed, listed, promised
from tests.packages import sdist, wheel
from tests.server import Cloche

pytestmark = pytest.mark.clients

WHEEL = wheel("acme-twine", "1.0", summary="By twine", description="# Acme\n")
SDIST = sdist("acme-twine", "1.0", summary="By twine", description="# Acme\n")
OTHER = wheel("acme-twine", "1.0", summary="By twine", description="# Other\n")


@pytest.fixture
def twine(new_client: NewClient) -> Client:
    return new_client("twine")


def upload(twine: Client, server: Cloche, token: str, *files: Path) -> Outcome:
    return twine.run(
        *("upload", "--repository-url", server.legacy, "--username", "__token__"),
        *("--password", token),
        *files,
    )


def test_what_twine_uploads_pip_installs(
    twine: Client, pip: Client, cloche: Cloche, tmp_path: Path
) -> None:
    """A wheel and an sdist that twine uploads are there for pip at once, byte for byte."""
    files = [built.write(tmp_path) for built in (WHEEL, SDIST)]

    outcome = upload(twine, cloche, cloche.first_token, *files)

    assert outcome.code == 0, outcome.output
    assert listed(cloche, "acme-twine") == promised(WHEEL, SDIST)
    target = tmp_path / "target"
    pip.succeeds("install", "--index-url", cloche.simple, "--target", target, "acme-twine")
    assert installed(target) == {"acme-twine": "1.0"}


def test_the_same_bytes_twice_succeed(twine: Client, cloche: Cloche, tmp_path: Path) -> None:
    """An upload may be repeated: the same bytes again are a success."""
    file = WHEEL.write(tmp_path)

    outcomes = [upload(twine, cloche, cloche.first_token, file) for _ in range(2)]

    assert [outcome.code for outcome in outcomes] == [0, 0], outcomes
    assert listed(cloche, "acme-twine") == promised(WHEEL)


def test_other_bytes_under_the_same_name_fail(
    twine: Client, cloche: Cloche, tmp_path: Path
) -> None:
    """Other bytes under a name that is taken are refused, and twine says why without --verbose."""
    token = cloche.first_token
    assert upload(twine, cloche, token, WHEEL.write(tmp_path)).code == 0

    outcome = upload(twine, cloche, token, OTHER.write(tmp_path))

    assert outcome.code != 0
    assert "File already exists" in outcome.words
    assert listed(cloche, "acme-twine") == promised(WHEEL)


def test_a_wrong_token_is_refused(twine: Client, cloche: Cloche, tmp_path: Path) -> None:
    """A token that the server did not make uploads nothing, and twine says that it is the token."""
    outcome = upload(twine, cloche, "cloche_made-up", WHEEL.write(tmp_path))

    assert outcome.code != 0
    assert outcome.names(401, 403)
    assert "token" in outcome.words
    assert cloche.get("/simple/acme-twine/").status == 404


def test_a_token_for_reading_uploads_nothing(twine: Client, cloche: Cloche, tmp_path: Path) -> None:
    """A token that may only read is refused with 403, in words that say what it lacks."""
    outcome = upload(twine, cloche, cloche.token("read"), WHEEL.write(tmp_path))

    assert outcome.code != 0
    assert outcome.names(403)
    assert "upload" in outcome.words.partition("403")[2].partition("/legacy/")[2]
    assert cloche.get("/simple/acme-twine/").status == 404
