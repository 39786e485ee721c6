"""An index as plain files: where they lie, and what is written down of them."""

import pytest

from cloche.core.model import Digest, File, Page, ProjectName
from cloche.core.static import LAYOUTS, Manifest, attested, headers_of, read_manifest

NAME = ProjectName("salt")
FILE = File(filename="salt-1.0.tar.gz", hashes={"sha256": "a" * 64}, url="https://x/salt")


@pytest.mark.parametrize("data", [None, b"", b"{", b"[]", b'{"pieces":{"a":1}}', b"\xff"])
def test_a_manifest_that_cannot_be_read(data: bytes | None) -> None:
    """What is written down wrongly is nothing: all is written again."""
    assert read_manifest(data) == Manifest()


@pytest.mark.parametrize("name", LAYOUTS)
def test_paths(name: str) -> None:
    """A file's path tells its folder and name again, and is below the folder of all files."""
    layout = LAYOUTS[name]
    folder = layout.folder(NAME, FILE, "0123" + "f" * 60)
    path = layout.path(folder, FILE.filename)

    assert path.startswith(layout.files)
    assert layout.split(path) == (folder, FILE.filename)


def test_a_quarantined_project() -> None:
    """Of a project that is quarantined the page lists nothing, and says so (PEP 792)."""
    page = Page(name=NAME, files=(FILE,), status="quarantined")
    bodies = LAYOUTS["simple"].page(page, {})

    assert all(b"salt-1.0" not in body for body in bodies.values())
    assert b"quarantined" in bodies["simple/salt/index.v1_json"]


def test_provenance() -> None:
    """Its address is absolute and of a secure origin, else the upstream's own, else none."""
    theirs = File(filename="a", url="https://x/a", provenance="https://x/a.provenance")
    ours = File(filename="a", hashes={"sha256": Digest("a" * 64)}, provenance="b" * 64)

    assert attested(theirs, "packages/a b", "https://y") == "https://y/packages/a%20b"
    assert attested(theirs, "packages/a", "http://y.example") == theirs.provenance
    assert attested(theirs, "packages/a", "") == theirs.provenance
    assert attested(ours, "packages/a", "") is None


def test_a_distribution_is_not_encoded() -> None:
    """A file that ends in .gz is no page that is compressed, whatever it is called."""
    for path in ("packages/a/b/index-1.0.tar.gz", "packages/a/b/simple.gz"):
        assert headers_of(path) == ("application/octet-stream", "")
