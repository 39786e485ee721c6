"""A folder as an upstream: what counts as lying there, when it is seen, and what is not read."""

import errno
import hashlib
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from cloche.core.errors import (
    NoSuchFile,
    NoSuchProject,
    TooLarge,
    TransferBroken,
    UpstreamDown,
    UpstreamLies,
)
from cloche.core.model import Page, ProjectName
from cloche.ports import Upstream
from tests.packages import sdist, wheel
from tests.upstreams.samples import DEMO, NAME, artifact, fetched, opened, parsed

pytestmark = pytest.mark.anyio

LONG_AGO = time.time() - 3600


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "packages"
    folder.mkdir()
    return folder


@asynccontextmanager
async def directory(root: Path, **other: object) -> AsyncIterator[Upstream]:
    made = opened("directory", {"path": str(root), **other})
    yield made
    await made.close()


async def page(port: Upstream, project: str = "demo") -> Page:
    return parsed(await port.page(ProjectName(project), None), ProjectName(project))


async def filenames(port: Upstream, project: str = "demo") -> list[str]:
    return [file.filename for file in (await page(port, project)).files]


def settle(root: Path) -> None:
    """Let every folder look as if it had changed long ago."""
    for folder, _, _ in os.walk(root):
        os.utime(folder, (LONG_AGO, LONG_AGO))


# What is seen, and when ---------------------------------------------------------------------


async def test_folders_in_folders(root: Path) -> None:
    """Distributions lie at any depth; the nearest to the root is the one of its name."""
    deep = root / "a" / "b"
    deep.mkdir(parents=True)
    DEMO.write(deep)
    wheel("demo", "2.0").write(root)
    wheel("demo", "2.0", body=b"# another\n").write(deep)
    async with directory(root) as port:
        one, two = (await page(port)).files

    assert (one.filename, two.filename) == (DEMO.filename, wheel("demo", "2.0").filename)
    assert two.sha256 == wheel("demo", "2.0").sha256


async def test_a_name_however_it_is_spelt(root: Path) -> None:
    """A file belongs to the project of its normalised name."""
    built = wheel("Foo.Bar", "1.0")
    (root / "Foo.Bar-1.0-py3-none-any.whl").write_bytes(built.content)
    async with directory(root) as port:
        assert await filenames(port, "foo-bar") == ["Foo.Bar-1.0-py3-none-any.whl"]


@pytest.mark.parametrize("settled", [True, False])
async def test_changes_are_seen_at_once(root: Path, settled: bool) -> None:  # noqa: FBT001 - a case
    """A file that comes, changes or goes is seen by the next question, in new folders too."""
    async with directory(root) as port:
        with pytest.raises(NoSuchProject):
            await port.page(NAME, None)
        for folder in (root, root / "new", root / "new" / "newer"):
            if settled:
                settle(root)
            folder.mkdir(exist_ok=True)
            built = wheel(f"in-{folder.name}", "1.0")
            path = built.write(folder)
            assert await filenames(port, built.project) == [built.filename]

            path.write_bytes(wheel(built.name, "1.0", body=b"# changed\n").content)
            (file,) = (await page(port, built.project)).files
            assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()

            path.unlink()
            with pytest.raises(NoSuchProject):
                await port.page(ProjectName(built.project), None)


async def test_a_folder_that_goes(root: Path) -> None:
    """With a folder go all files below it."""
    deep = root / "a" / "b"
    deep.mkdir(parents=True)
    DEMO.write(deep)
    async with directory(root) as port:
        assert await filenames(port)
        (root / "a").rename(root.parent / "away")
        with pytest.raises(NoSuchProject):
            await port.page(NAME, None)
        (root.parent / "away").rename(root / "back")
        assert await filenames(port) == [DEMO.filename]


async def test_a_file_is_hashed_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is read again when it is another, and other projects' files are not read at all."""
    read: list[object] = []
    digest = hashlib.file_digest

    def watched(file: object, name: str) -> object:
        read.append(file)
        return digest(file, name)  # type: ignore[arg-type]  # whatever it was called with

    monkeypatch.setattr(hashlib, "file_digest", watched)
    DEMO.write(root)
    wheel("other", "1.0").write(root)
    async with directory(root) as port:
        for _ in range(3):
            await page(port)
        assert len(read) == 1
        wheel("demo", "2.0").write(root)
        await page(port)
        assert len(read) == 2


async def test_a_known_page_needs_no_hash(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was kept before a restart is not read again by the process after it."""
    DEMO.write(root)
    async with directory(root) as port:
        etag = (await port.page(NAME, None)).etag
    monkeypatch.delattr(hashlib, "file_digest")
    async with directory(root) as port:
        assert (await port.page(NAME, etag)).document is None


async def test_what_is_no_distribution(root: Path) -> None:
    """Other files, hidden ones, folders with such names and pipes are passed over."""
    DEMO.write(root)
    for name in ("README.txt", "demo.whl", ".demo-2.0-py3-none-any.whl"):
        (root / name).write_bytes(DEMO.content)
    (root / ".hidden").mkdir()
    wheel("demo", "3.0").write(root / ".hidden")
    (root / "demo-4.0.tar.gz").mkdir()
    os.mkfifo(root / "demo-5.0.tar.gz")
    async with directory(root) as port:
        assert await filenames(port) == [DEMO.filename]


async def test_a_wheel_that_is_being_written(root: Path) -> None:
    """A wheel is listed when it has its end, and not while it is being copied."""
    path = root / DEMO.filename
    async with directory(root) as port:
        path.write_bytes(DEMO.content[:-100])
        with pytest.raises(NoSuchProject):
            await port.page(NAME, None)
        path.write_bytes(DEMO.content)
        assert (await page(port)).files[0].sha256 == DEMO.sha256


async def test_facts(root: Path) -> None:
    """What the archives say is on the page: requires-python, and a wheel's metadata."""
    wheel("demo", "1.0", requires_python=">=3.9").write(root)
    sdist("demo", "2.0", requires_python=">=3.10").write(root)
    (root / "demo-3.0.tar.gz").write_bytes(b"not a tar")
    async with directory(root) as port:
        one, two, three = (await page(port)).files

    assert (one.requires_python, two.requires_python) == (">=3.9", ">=3.10")
    assert one.core_metadata
    assert not two.core_metadata
    assert three.size == len(b"not a tar")


# What is not reached ------------------------------------------------------------------------


async def test_symbolic_links(root: Path) -> None:
    """Nothing outside is shown or served by a symbolic link, unless the operator says so."""
    outside = root.parent / "outside"
    outside.mkdir()
    DEMO.write(outside)
    (root / "folder").symlink_to(outside)
    (root / "loop").symlink_to(root)
    other = wheel("demo", "2.0")
    (root / other.filename).symlink_to(other.write(outside))
    async with directory(root) as port:
        with pytest.raises(NoSuchProject):
            await port.page(NAME, None)
    async with directory(root, symlinks=True) as port:
        assert await filenames(port) == [DEMO.filename, other.filename]
        wanted = await artifact(port)
        assert (await fetched(port, wanted))[1] == DEMO.content
    async with directory(root) as port:
        with pytest.raises(NoSuchFile):
            await fetched(port, wanted)


@pytest.mark.parametrize("swapped", ["file", "folder"])
async def test_a_link_put_in_the_way(root: Path, swapped: str) -> None:
    """A file or folder that becomes a symbolic link after it was listed is not followed."""
    outside = root.parent / "outside"
    outside.mkdir()
    DEMO.write(outside)
    (root / "a").mkdir()
    DEMO.write(root / "a")
    async with directory(root) as port:
        wanted = await artifact(port)
        if swapped == "file":
            (root / "a" / DEMO.filename).unlink()
            (root / "a" / DEMO.filename).symlink_to(outside / DEMO.filename)
        else:
            (root / "a").rename(root.parent / "was")
            (root / "a").symlink_to(outside)
        with pytest.raises(NoSuchFile):
            await fetched(port, wanted)


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "{root}/../secret", "{root}/%2e%2e/secret", "{root}", "http://x/y", ""],
)
async def test_addresses_outside(root: Path, url: str) -> None:
    """A file is served from below the folder, whatever a kept page says."""
    DEMO.write(root)
    (root.parent / "secret").write_text("secret")
    async with directory(root) as port:
        wanted = replace(await artifact(port), url=url.format(root=root.as_uri()))
        with pytest.raises(UpstreamLies, match="leads nowhere"):
            await fetched(port, wanted)


async def test_bounds(root: Path) -> None:
    """What is larger than allowed is refused: a tree, or a file."""
    DEMO.write(root)
    wheel("other", "1.0").write(root)
    async with directory(root, max_entries=1) as port:
        with pytest.raises(UpstreamLies, match="max_entries"):
            await port.page(NAME, None)
    async with directory(root, max_file_bytes=1000) as port:
        with pytest.raises(TooLarge):
            await fetched(port, await artifact(port))


async def test_a_file_cut_short_while_it_is_read(root: Path) -> None:
    """A file that ends before it should is told from one that is whole."""
    DEMO.write(root)
    async with directory(root) as port:
        wanted = await artifact(port)
        async with port.transfer(wanted, 0, None) as transfer:
            os.truncate(root / DEMO.filename, 10)
            with pytest.raises(TransferBroken):
                [chunk async for chunk in transfer.chunks]


async def test_a_folder_that_cannot_be_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Doubt about a part is doubt about the whole: a private name may lie in it."""
    DEMO.write(root)
    (root / "a").mkdir()
    scan = os.scandir

    def refused(path: Path) -> object:
        if path == root / "a":
            raise PermissionError(errno.EACCES, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refused)
    async with directory(root) as port:
        with pytest.raises(UpstreamDown, match="Permission denied"):
            await port.page(NAME, None)
