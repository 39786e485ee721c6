"""The index that every server serves in a run: the same bytes from the same source, every time.

A tree of static files: `simple/PROJECT/index.json` and `.html`, and `pypi/PROJECT/json`, each with
a gzipped twin beside it, and `files/` with every wheel and its `.metadata`. Nginx serves it as it
is, as the upstream and as the baseline; a server of folders is given `files/`.
"""

import gzip
import hashlib
import html
import json
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import tests.packages
from tests.packages import Built, wheel

SMALL, LARGE, GRAPH_ROOT = "bench-small", "bench-large", "bench-graph-00"
"""The project with 20 files, the one with 3,000, and the one whose install takes 70 packages."""
GRAPH_SIZE = 70
GRAPH_VERSIONS = 12
SMALLEST, BIGGEST = 20_000, 1_000_000  # bytes of a wheel that is installed
MODULE = 20_000  # bytes of one source file in it
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
DESCRIPTION = "A paragraph of what the project is for, as long as such things are.\n\n" * 40


@dataclass(frozen=True, slots=True)
class Project:
    name: str
    wheels: Callable[[], Iterator[Built]]


@dataclass(frozen=True, slots=True)
class Index:
    """The tree on disk, and what is in it."""

    tree: Path
    filenames: dict[str, frozenset[str]] = field(repr=False)

    @property
    def graph(self) -> frozenset[str]:
        return frozenset(name for name in self.filenames if name.startswith("bench-graph-"))

    def __str__(self) -> str:
        files = sum(map(len, self.filenames.values()))
        return f"{len(self.filenames)} projects, {files} files"


def index() -> Index:
    """Return the index, building it first when this version of it is not on the disk."""
    tree = Path(tempfile.gettempdir()) / f"cloche-benchmark-index-{_edition()}"
    if not tree.exists():
        scratch = Path(tempfile.mkdtemp(prefix=f"{tree.name}-", dir=tree.parent))
        _build(scratch)
        scratch.chmod(0o755)  # nginx's worker is another user
        try:
            scratch.rename(tree)
        except OSError:  # another run was faster; both built the same
            shutil.rmtree(scratch)
    return Index(tree, json.loads((tree / "filenames.json").read_bytes(), object_hook=_frozen))


def _frozen(names: dict[str, list[str]]) -> dict[str, frozenset[str]]:
    return {name: frozenset(filenames) for name, filenames in names.items()}


def _edition() -> str:
    sources = Path(__file__).read_bytes() + Path(tests.packages.__file__).read_bytes()
    return hashlib.sha256(sources).hexdigest()[:12]


def _build(tree: Path) -> None:
    projects = [*_graph(), Project(SMALL, _small), Project(LARGE, _large)]
    (tree / "files").mkdir()
    filenames = {project.name: _write_project(tree, project) for project in projects}
    names = sorted(filenames)
    listed = {"meta": {"api-version": "1.1"}, "projects": [{"name": name} for name in names]}
    anchors = "".join(f'<a href="{name}/">{name}</a><br>\n' for name in names)
    _write_page(tree / "simple", json.dumps(listed), _document("Simple index", anchors))
    (tree / "filenames.json").write_text(json.dumps(filenames))


def _write_project(tree: Path, project: Project) -> list[str]:
    files: list[dict[str, object]] = []
    versions, anchors = [], []
    for number, built in enumerate(project.wheels()):
        path = built.write(tree / "files")
        path.with_name(f"{path.name}.metadata").write_bytes(built.metadata)
        files.append(_listed(built, number))
        anchors.append(_anchor(built))
        versions.append(built.version)
    page = {"meta": {"api-version": "1.1"}, "name": project.name}
    detail = json.dumps({**page, "versions": versions, "files": files}, separators=(",", ":"))
    document = _document(project.name, "".join(anchors))
    _write_page(tree / "simple" / project.name, detail, document)
    _write_document(tree / "pypi" / project.name, files, built)
    return [str(file["filename"]) for file in files]


def _write_document(folder: Path, files: list[dict[str, object]], last: Built) -> None:
    """Write what PyPI's JSON API says of the project, as long as PyPI says it."""
    releases: dict[str, list[dict[str, object]]] = {}
    for file in files:
        releases.setdefault(str(file["filename"]).split("-")[1], []).append(_described(file))
    info = {
        **{f"{said}_email": "somebody@example.org" for said in ("author", "maintainer")},
        "classifiers": [f"Programming Language :: Python :: 3.{minor}" for minor in range(8, 15)],
        "description": DESCRIPTION,
        "name": last.name,
        "project_urls": {"Source": f"https://example.org/{last.name}"},
        "requires_dist": message_from_bytes(last.metadata).get_all("Requires-Dist"),
        "requires_python": last.requires_python,
        "version": last.version,
        "yanked": False,
    }
    document = {
        "info": info,
        "last_serial": 1,
        "releases": releases,
        "urls": releases[last.version],
        "vulnerabilities": [],
    }
    folder.mkdir(parents=True)
    write_with_twin(folder / "json", json.dumps(document, separators=(",", ":")).encode())


def _described(file: dict[str, object]) -> dict[str, object]:
    sha256 = file["hashes"]["sha256"]  # type: ignore[index]  # as _listed writes it
    return {
        "comment_text": None,
        "digests": {"blake2b_256": sha256, "md5": sha256[:32], "sha256": sha256},
        "downloads": -1,
        "filename": file["filename"],
        "has_sig": False,
        "md5_digest": sha256[:32],
        "packagetype": "bdist_wheel",
        "python_version": "py3",
        "requires_python": file["requires-python"],
        "size": file["size"],
        "upload_time_iso_8601": file["upload-time"],
        "url": f"https://files.example.org/packages/{sha256}/{file['filename']}",
        "yanked": False,
        "yanked_reason": None,
    }


def _listed(built: Built, number: int) -> dict[str, object]:
    return {
        "filename": built.filename,
        "url": f"../../files/{built.filename}",
        "hashes": {"sha256": built.sha256},
        "requires-python": built.requires_python,
        "size": built.size,
        "upload-time": f"{EPOCH + timedelta(hours=7 * number):%Y-%m-%dT%H:%M:%S}.000000Z",
        "yanked": False,
        "core-metadata": {"sha256": built.metadata_sha256},
    }


def _anchor(built: Built) -> str:
    requires = html.escape(str(built.requires_python))
    return (
        f'<a href="../../files/{built.filename}#sha256={built.sha256}"'
        f' data-requires-python="{requires}"'
        f' data-core-metadata="sha256={built.metadata_sha256}">{built.filename}</a><br>\n'
    )


def _document(title: str, body: str) -> str:
    return (
        "<!DOCTYPE html>\n<html><head>"
        '<meta name="pypi:repository-version" content="1.1">'
        f"<title>{title}</title></head><body>\n{body}</body></html>\n"
    )


def _write_page(folder: Path, as_json: str, as_html: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in ((folder / "index.json", as_json), (folder / "index.html", as_html)):
        write_with_twin(path, text.encode())


def write_with_twin(path: Path, plain: bytes, packed: bytes | None = None) -> None:
    """Write a file and, beside it, the gzipped form of it that nginx sends to who accepts it."""
    packed = packed or gzip.compress(plain, compresslevel=9, mtime=0)
    now = path.parent.stat().st_mtime
    for target, content in ((path, plain), (path.with_name(f"{path.name}.gz"), packed)):
        target.write_bytes(content)
        os.utime(target, (now, now))


def _small() -> Iterator[Built]:
    for number in range(20):
        yield _wheel(SMALL, f"1.{number}")


def _large() -> Iterator[Built]:
    for number in range(3000):
        yield _wheel(LARGE, f"{number // 100}.{number // 10 % 10}.{number % 10}")


def _graph() -> list[Project]:
    """Seventy projects that need one another, every one reachable from the first."""
    chance = random.Random(20)  # noqa: S311  # the same graph every time is the point
    needs: list[list[int]] = [[] for _ in range(GRAPH_SIZE)]
    for child in range(1, GRAPH_SIZE):
        needs[(child - 1) // 3].append(child)
        needs[chance.randrange(child)].append(child)
    sizes = [round(SMALLEST * (BIGGEST / SMALLEST) ** chance.random()) for _ in needs]
    return [
        _graph_project(number, sorted(set(needed)), sizes[number])
        for number, needed in enumerate(needs)
    ]


def _graph_project(number: int, needs: list[int], size: int) -> Project:
    name = _graph_name(number)
    requires = [f"{_graph_name(needed)}<3,>=1.0" for needed in needs]

    def wheels() -> Iterator[Built]:
        for version in range(GRAPH_VERSIONS - 1):
            yield _wheel(name, f"1.{version}", requires)
        yield _wheel(name, "2.0", requires, size)

    return Project(name, wheels)


def _graph_name(number: int) -> str:
    return f"bench-graph-{number:02}"


def _wheel(name: str, version: str, requires: list[str] | None = None, size: int = 0) -> Built:
    modules = {
        f"{name.replace('-', '_')}_{number}.py": b"# source\n" * (MODULE // 18)
        for number in range(size // MODULE)
    }
    return wheel(
        name,
        version,
        requires=requires or (),
        requires_python=">=3.8",
        description=DESCRIPTION if size else "",
        files=modules,
        size=size or None,
    )
