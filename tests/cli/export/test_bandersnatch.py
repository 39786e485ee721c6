"""`--layout bandersnatch`: what a real bandersnatch writes of the same index."""

import hashlib
import json
from pathlib import Path

from tests.cli.export.conftest import Exporting
from tests.cli.export.trees import CACHED, OWN, OWN_2, SDIST, tree
from tests.clients.client import Client
from tests.clients.matrix.mirroring import NO_PROXY
from tests.server import Cloche

CONFIG = """\
[mirror]
directory = {folder}
master = {master}
api-method = simple
allow-non-https = true
json = true
core-metadata = true
workers = 2
hash-index = false
simple-format = ALL
"""


def mirrored(folder: Path, master: str) -> Path:
    """What bandersnatch has made of the index."""
    home = folder / "bandersnatch"
    home.mkdir()
    (home / "conf").write_text(CONFIG.format(folder=home / "mirror", master=master))
    Client("bandersnatch", home).succeeds("--config", home / "conf", "mirror", env=NO_PROXY)
    return home / "mirror"


def outside_packages(folder: Path) -> set[str]:
    return {
        path
        for path in tree(folder, own=False)
        if path.startswith("web/") and not path.startswith(("web/packages/", "web/local-stats"))
    }


def packages(folder: Path) -> dict[str, str]:
    """The digest of each file by its name."""
    found = (path for path in (folder / "web" / "packages").rglob("*") if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def test_the_same_files(folder: Path, export: Exporting, server: Cloche) -> None:
    """The same pages, documents and files, and both root lists name the same projects."""
    mirror = mirrored(folder, server.url)
    done = export("--layout", "bandersnatch")
    target = folder / "target"

    assert done.returncode == 0, done.stdout
    assert outside_packages(target) == outside_packages(mirror)
    ours = packages(target)
    # The version here, of Python 3.11, writes no metadata yet, as 8 does.
    metadata = {name for name in ours if name.endswith(".metadata")}
    assert {name: ours[name] for name in ours.keys() - metadata} == packages(mirror)
    assert metadata == {f"{built.filename}.metadata" for built in (OWN, OWN_2, CACHED)}
    here, there = (
        json.loads((root / "web/simple/index.v1_json").read_text()) for root in (target, mirror)
    )
    assert [p["name"] for p in here["projects"]] == [p["name"] for p in there["projects"]]


def test_where_files_lie(folder: Path, export: Exporting) -> None:
    """Files lie by their blake2b, as at PyPI; pages and documents lead there; again is nothing."""
    export("--layout", "bandersnatch")
    web = folder / "target" / "web"
    before = tree(folder / "target")

    for built in (OWN, OWN_2, CACHED, SDIST):
        b = built.blake2_256
        place = f"packages/{b[:2]}/{b[2:4]}/{b[4:]}/{built.filename}"
        assert (web / place).read_bytes() == built.content
        document = json.loads((web / "pypi" / built.project / "json").read_text())
        (release,) = document["releases"][built.version]
        assert release["url"] == "/" + place.replace("+", "%2B")
        listed = json.loads((web / "simple" / built.project / "index.v1_json").read_text())
        assert f"../../{place}".replace("+", "%2B") in {file["url"] for file in listed["files"]}
    assert export("--layout", "bandersnatch").stdout.startswith("2 projects: 0 files written")
    assert tree(folder / "target") == before
