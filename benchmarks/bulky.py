"""A few files that are too large to be built in memory, beside the project with 20 small ones.

A tree like that of `packages.py`, whose bytes it links to. Nobody who serves them looks into them.
"""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from random import Random

from benchmarks.packages import SMALL, Index, write_with_twin

SIZES = {"bulky-60k": 60_000, "bulky-5m": 5_000_000, "bulky-50m": 50_000_000}
SIZES |= {"bulky-500m": 500_000_000}
PIECE = 1_000_000


def bulky(index: Index) -> Index:
    """Return the tree, building it first when it is not on the disk for this index."""
    tree = Path(tempfile.gettempdir()) / f"cloche-benchmark-bulky-{_edition(index)}"
    if not tree.exists():
        scratch = Path(tempfile.mkdtemp(prefix=f"{tree.name}-", dir=tree.parent))
        _build(scratch, index)
        scratch.chmod(0o755)  # nginx's worker is another user
        try:
            scratch.rename(tree)
        except OSError:  # another run was faster; both built the same
            shutil.rmtree(scratch)
    listed = {project: frozenset({filename(project)}) for project in SIZES}
    return Index(tree, {SMALL: index.filenames[SMALL], **listed})


def filename(project: str) -> str:
    return f"{project.replace('-', '_')}-1.0.tar.gz"


def digest(index: Index, project: str) -> str:
    """The sha256 that the upstream lists."""
    page = json.loads((index.tree / "simple" / project / "index.json").read_bytes())
    told: str = page["files"][0]["hashes"]["sha256"]
    return told


def _edition(index: Index) -> str:
    return hashlib.sha256(Path(__file__).read_bytes() + str(index.tree).encode()).hexdigest()[:12]


def _build(tree: Path, index: Index) -> None:
    (tree / "files").mkdir()
    (tree / "simple").mkdir()
    (tree / "simple" / SMALL).symlink_to(index.tree / "simple" / SMALL)
    for name in index.filenames[SMALL]:
        for each in (name, f"{name}.metadata"):
            (tree / "files" / each).symlink_to(index.tree / "files" / each)
    for project, size in SIZES.items():
        _write_project(tree, project, size)
    names = [{"name": name} for name in sorted([SMALL, *SIZES])]
    _write_page(tree / "simple", {"projects": names})


def _write_project(tree: Path, project: str, size: int) -> None:
    noise, seen = Random(project), hashlib.sha256()  # noqa: S311 - the same in every run
    with (tree / "files" / filename(project)).open("wb") as out:
        for start in range(0, size, PIECE):
            piece = noise.randbytes(min(PIECE, size - start))
            seen.update(piece)
            out.write(piece)
    file = {
        "filename": filename(project),
        "url": f"../../files/{filename(project)}",
        "hashes": {"sha256": seen.hexdigest()},
        "size": size,
        "upload-time": "2024-01-02T03:04:05.000000Z",
    }
    folder = tree / "simple" / project
    folder.mkdir()
    _write_page(folder, {"name": project, "versions": ["1.0"], "files": [file]})


def _write_page(folder: Path, said: dict[str, object]) -> None:
    text = json.dumps({"meta": {"api-version": "1.1"}, **said})
    write_with_twin(folder / "index.json", text.encode())
    write_with_twin(folder / "index.html", b"<!DOCTYPE html>\n")  # for who asks whether it is up
