"""What real systems have left, brought over, and installed from by real clients."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clients.client import Client, NewClient
from tests.clients.evidence import JSON, digests, installed, promised
from tests.clients.matrix.mirroring import Bandersnatch, Bandersnatch8, Mirror, Source
from tests.packages import sdist, wheel
from tests.server import Cloche

pytestmark = pytest.mark.clients

ACME = wheel("acme", "1.0", requires=["brie"], requires_python=">=3.8")
ACME_2 = wheel("acme", "2.0", requires=["brie"])
ACME_SDIST = sdist("acme", "1.0")
BRIE = wheel("brie", "1.0")
ALL = (ACME, ACME_2, ACME_SDIST, BRIE)
STATED = ("hashes", "size", "upload-time", "requires-python", "yanked", "core-metadata")


def stated(server: Cloche, project: str) -> dict[str, dict[str, Any]]:
    """What a project's page says of each file that a client could go by."""
    files = json.loads(server.get(f"/simple/{project}/", {"Accept": JSON}).body)["files"]
    return {file["filename"]: {key: file.get(key) for key in STATED} for file in files}


@pytest.fixture
def mirror(
    row: type[Mirror], new_client: NewClient, tmp_path: Path
) -> tuple[Path, dict[str, Any], str]:
    """A mirror of a server that is gone, what that had said, and where it was."""
    if reason := row.missing():
        pytest.skip(reason)  # no Python here that this client runs on: `make test` has said which
    config = tmp_path / "first.toml"
    config.write_text("[index.main]\ndefault = true\nuploads = true\n")
    (tmp_path / "mirror").mkdir()
    mirroring = row(new_client(row.name), tmp_path / "mirror")
    with Cloche(tmp_path / "first", config=config) as server:
        new_client("uv").succeeds(
            *("publish", "--publish-url", server.legacy, "--token", server.token("upload")),
            *[built.write(tmp_path) for built in ALL],
        )
        where = ("--data", str(server.data), "--config", str(config))
        done = server.command("yank", "acme", "2.0", "--reason", "mouldy", *where)
        assert done.returncode == 0, done.stderr
        mirroring.sync(Source(server))
        said = {project: stated(server, project) for project in ("acme", "brie")}
    return tmp_path / "mirror" / "mirror", said, server.url


@pytest.mark.parametrize(
    ("row", "to"), [(Bandersnatch, "main"), (Bandersnatch8, "main"), (Bandersnatch8, "pypi")]
)
def test_a_bandersnatch_mirror(
    mirror: tuple[Path, dict[str, Any], str], to: str, pip: Client, tmp_path: Path
) -> None:
    """As uploads or as what is kept of PyPI, a mirror is offered as its source had offered it."""
    folder, said, first = mirror
    config = tmp_path / "second.toml"
    config.write_text(f'[upstream.pypi]\nurl = "{first}/simple/"\n')
    second = Cloche(tmp_path / "second", offline=True, config=config)
    where = ("--data", str(second.data), "--config", str(config))

    done = second.command("import", str(folder), "--to", to, *where)

    assert done.returncode == 0, done.stderr + done.stdout
    with second as server:
        assert {project: stated(server, project) for project in said} == said
        target, files = tmp_path / "target", tmp_path / "files"
        index = ("--index-url", server.simple)
        pip.succeeds("install", "--target", target, *index, "acme")
        pip.succeeds("download", "--no-deps", "--dest", files, *index, "acme==2.0")
    assert installed(target) == {"acme": "1.0", "brie": "1.0"}
    assert digests(files) == promised(ACME_2)
