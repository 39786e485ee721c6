"""Names that an upstream made up: nothing leaves the target, and links lead to their files."""

import hashlib
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from tests.cli.export.conftest import Exporting
from tests.cli.export.trees import CACHED, page
from tests.cli.program import run
from tests.packages import sdist, wheel
from tests.upstream.controller import Upstream

PLAIN = sdist("hostile", "1.0")
NAMES = (
    'hostile-1.0"><script>.tar.gz',
    "hostile-1.0 &amp; +y.tar.gz",
    "hostile-1.0-üñ.tar.gz",
    "index.html",
)
TAKEN = "hostile-1.0.tar.gz.metadata"
"""Its address is that of another file's metadata."""
REFUSED = ("../../../out-1.0.tar.gz", "a/b-1.0.tar.gz", ".hidden-1.0.tar.gz", "..")
LONG = wheel("hostile", "1.0+" + "a" * (255 - len("hostile-1.0+-py3-none-any.whl")))


def test_names(folder: Path, export: Exporting, upstream: Upstream) -> None:
    """What can be a name is one, and only that; what cannot is on no page and nowhere else."""
    for name in (*NAMES, *REFUSED, TAKEN):
        content = hashlib.sha256(name.encode()).digest()
        upstream.add(replace(PLAIN, filename=name, content=content), metadata=False)
    upstream.add(LONG)
    (folder / "wanted.txt").write_text("hostile==1.0\n")
    prefetch = ("prefetch", "wanted.txt", "--data", "data", "--upstream", upstream.simple)
    run(folder, *prefetch)  # so that it is on the index's list
    outside = {path for path in folder.iterdir() if path.name != "target"}

    done = export()

    said = page(folder / "target", "hostile")
    assert done.returncode == 1
    assert f"lacking  hostile ({LONG.filename}.metadata): its name is too long" in done.stdout
    assert f"lacking  hostile ({TAKEN}): " in done.stdout
    assert {file["filename"] for file in said["files"]} == {*NAMES, LONG.filename}
    for file in said["files"]:
        home = folder / "target" / "simple" / "hostile"
        body = (home / unquote(file["url"])).resolve().read_bytes()
        assert hashlib.sha256(body).hexdigest() == file["hashes"]["sha256"]
        if file["filename"] == LONG.filename:
            assert "core-metadata" not in file
    assert {path for path in folder.iterdir() if path.name != "target"} == outside
    assert [*folder.rglob("out-1.0.tar.gz")] == []
    assert CACHED.filename in {path.name for path in (folder / "target").rglob("*.whl")}
