"""`/+links/`: the flat page of all uploaded files."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.packages import wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream
from tests.web.forms import upload
from tests.web.tokens import basic


@pytest.mark.parametrize("path", ["/team/dev/+links/", "/team/dev/packages/"])
def test_pip_installs_from_it(server: Cloche, token: str, tmp_path: Path, path: str) -> None:
    """`pip --no-index --find-links` installs an upload with its dependency."""
    for built in (wheel("flat-one", "1.0", requires=["flat-two"]), wheel("flat-two", "2.0")):
        assert upload(server.url, built, token, "/team/dev/legacy/").status == 200
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--isolated", "--no-cache-dir", "--no-index"),
            *("--find-links", f"{server.url}{path}", "--target", tmp_path / "target", "flat-one"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    found = {each.name for each in (tmp_path / "target").glob("*.py")}
    assert found == {"flat_one.py", "flat_two.py"}


def test_what_is_on_it(server: Cloche, token: str, upstream: Upstream) -> None:
    """Uploads to the index and to those that it draws on, with their digests; nothing else."""
    hosted = wheel("flat-hosted", "1.0")
    public = wheel("flat-public", "1.0")
    upstream.add(public)
    assert upload(server.url, hosted, token).status == 200
    assert server.get("/simple/flat-public/").status == 200
    upstream.forget()

    for path in ("/+links/", "/team/dev/+links/"):
        page = server.get(path).body.decode()
        assert f"{hosted.filename}#sha256={hosted.sha256}" in page
        assert public.filename not in page
    assert upstream.requests("/simple/flat-") == []
    assert hosted.filename not in server.get("/closed/+links/", basic(token)).body.decode()


def test_who_may_read(server: Cloche) -> None:
    """The page is for who may read the index."""
    assert server.get("/closed/+links/").status == 401
    assert server.get("/+links/", method="HEAD").body == b""


def test_a_quarantined_project(server: Cloche, token: str) -> None:
    """What is held back is not offered in any of these forms."""
    built = wheel("flat-quarantined", "1.0")
    assert upload(server.url, built, token).status == 200
    done = server.command(
        *("status", "flat-quarantined", "quarantined", "--index", "main", "--reason", "bad"),
        *("--data", str(server.data), "--config", str(server.config)),
    )
    assert done.returncode == 0, done.stderr

    for path in ("/+links/", "/flat-quarantined/json", "/local/flat-quarantined/"):
        assert built.filename not in server.get(path).body.decode()
    place = f"/local/flat-quarantined/{built.sha256}/{built.filename}"
    assert server.get(place).status == 403
    assert server.get(f"/packages/flat-quarantined/{built.filename}").status == 403
