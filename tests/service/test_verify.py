"""Holding what is kept against what it was, and making it good."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from cloche.catalog.schema import documents
from cloche.core.errors import StorageDown
from cloche.core.model import Digest, ProjectName
from cloche.ports import Inspection
from cloche.service import verify
from cloche.service.mend import Mend, Mended
from cloche.service.verify import Found, Verify, Wrong
from tests.blobs.samples import content, put
from tests.catalog.samples import held, upload
from tests.packages import Built, wheel
from tests.service.worker import Clock, Employ, Options, Worker
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

DEMO, SALT = wheel("demo", "1.0", size=100_000), wheel("salt", "1.0")
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Result:
    read: int = 0
    known: int = 0
    wrong: list[Wrong] = field(default_factory=list)

    async def take(self, found: Found) -> None:
        match found:
            case verify.Read(files, _):
                self.read += files
            case verify.Known(files):
                self.known += files
            case Wrong():
                self.wrong.append(found)

    @property
    def counts(self) -> tuple[int, int]:
        return self.read, self.known


def inspection(node: Worker) -> Inspection:
    found: Inspection = node.blobs  # type: ignore[assignment]  # a store is both
    return found


async def verified(
    node: Worker, places: Iterable[str] | None = None, before: datetime = NEVER
) -> Result:
    result = Result()
    chosen = None if places is None else set(places)
    looking = Verify(node.blobs, inspection(node), node.catalog.audit, lambda: datetime.now(UTC))
    await looking.run(chosen, before, 2, result.take)
    return result


async def mended(node: Worker, wrong: Wrong) -> Mended:
    mending = Mend(node.blobs, inspection(node), node.catalog.audit, node.files.within, node.cached)
    return await mending.mend(wrong)


def place(folder: Path, digest: str) -> Path:
    return folder / "blobs" / "sha256" / digest[:2] / digest


def spoil(path: Path) -> None:
    """Change a byte, and nothing that the file's inode tells."""
    found = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


async def fetched(node: Worker, upstream: Upstream, *built: Built) -> None:
    for each in built:
        upstream.add(each)
        assert await node.bytes_of(each) == each.content
    await node.fetch.close(patience=10)


async def uploaded(node: Worker, folder: Path, data: bytes = b"mine") -> Digest:
    digest = await put(node.blobs, folder, data)
    mine = upload(digest=digest, size=len(data), metadata=None, project="mine")
    await node.catalog.ledger.publish(mine)
    return digest


async def test_everything_is_well(tmp_path: Path, upstream: Upstream, node: Worker) -> None:
    """Each blob and page is read, and nothing is said of those that are well."""
    await fetched(node, upstream, DEMO, SALT)
    await uploaded(node, tmp_path)

    result = await verified(node)

    assert result.counts == (5, 0)
    assert result.wrong == []


async def test_only_what_changed_is_read_again(
    tmp_path: Path, upstream: Upstream, node: Worker
) -> None:
    """What was verified is not read again, until its store says something else of it."""
    await fetched(node, upstream, DEMO, SALT)
    await verified(node)
    os.utime(place(tmp_path, DEMO.sha256), (1, 1))

    assert (await verified(node)).counts == (1, 1)
    assert (await verified(node)).counts == (0, 2)


async def test_what_was_verified_long_ago(tmp_path: Path, upstream: Upstream, node: Worker) -> None:
    """What was verified before a time is read again; a silent change is found so."""
    await fetched(node, upstream, DEMO)
    await verified(node)
    spoil(place(tmp_path, DEMO.sha256))

    assert (await verified(node)).wrong == []
    later = datetime.now(UTC) + timedelta(seconds=1)
    [wrong] = (await verified(node, before=later)).wrong

    assert (wrong.kind, wrong.digest) == ("bytes", DEMO.sha256)
    assert [need.filename for need in wrong.needs] == [DEMO.filename]
    assert (await verified(node)).wrong == [wrong]  # and it is never taken for verified


async def test_what_is_missing(tmp_path: Path, upstream: Upstream, node: Worker) -> None:
    """A row whose bytes are gone is told, whether they were ever verified or not."""
    await fetched(node, upstream, DEMO)
    await verified(node)
    place(tmp_path, DEMO.sha256).unlink()
    await node.catalog.ledger.publish(upload(metadata=None))

    wrong = (await verified(node)).wrong

    assert {(each.kind, each.needs[0].place) for each in wrong} == {
        ("missing", "pypi"),
        ("missing", "main"),
    }


async def test_a_row_with_another_size(tmp_path: Path, node: Worker) -> None:
    """A row that records another size than its right bytes have is wrong."""
    digest = await put(node.blobs, tmp_path, b"right bytes")
    await node.catalog.pages.hold(held(digest=digest, size=5))

    [wrong] = (await verified(node)).wrong

    assert wrong.kind == "size"
    assert (await mended(node, wrong)).well
    assert await node.catalog.audit.needs(digest, None) == []


async def test_some_places(tmp_path: Path, upstream: Upstream, node: Worker) -> None:
    """Of some places only what they have is read."""
    await fetched(node, upstream, DEMO)
    await uploaded(node, tmp_path)

    assert (await verified(node, ["main"])).counts == (1, 0)
    assert (await verified(node, ["pypi"])).counts == (2, 0)
    assert (await verified(node, ["other"])).counts == (0, 0)


async def test_an_upstream_s_file_is_fetched_anew(
    tmp_path: Path, upstream: Upstream, node: Worker
) -> None:
    """Wrong and missing bytes of an upstream come from there again, and are verified then."""
    await fetched(node, upstream, DEMO, SALT)
    spoil(place(tmp_path, DEMO.sha256))
    place(tmp_path, SALT.sha256).unlink()
    wrong = (await verified(node)).wrong

    assert [(await mended(node, each)).well for each in wrong] == [True, True]

    assert (await verified(node)).wrong == []
    assert await content(node.blobs, Digest(DEMO.sha256)) == DEMO.content
    assert await content(node.blobs, Digest(SALT.sha256)) == SALT.content


async def test_metadata_is_fetched_anew(tmp_path: Path, upstream: Upstream, employ: Employ) -> None:
    """An upstream's metadata is had again from beside the file, or out of the wheel."""
    node = await employ(Options(clock=Clock(datetime.now(UTC))))
    upstream.add(DEMO)
    upstream.add(SALT, metadata=False)
    for built in (DEMO, SALT):
        page = await node.shelf.get("main", ProjectName(built.project))
        file = page.page.find(built.filename)
        assert file is not None
        wanted = await node.files.find(
            "main", ProjectName(built.project), file.key, f"{built.filename}.metadata"
        )
        async for _ in node.files.bring(wanted):
            pass
        spoil(place(tmp_path, built.metadata_sha256))
    wrong = (await verified(node)).wrong

    assert {each.digest for each in wrong} == {DEMO.metadata_sha256, SALT.metadata_sha256}
    assert [(await mended(node, each)).well for each in wrong] == [True, True]
    assert (await verified(node)).wrong == []


async def test_what_its_upstream_has_no_more(
    tmp_path: Path, upstream: Upstream, employ: Employ
) -> None:
    """What cannot be had again is said, and nobody is told any more that it is kept."""
    clock = Clock()
    node = await employ(Options(clock=clock))
    await fetched(node, upstream, DEMO)
    spoil(place(tmp_path, DEMO.sha256))
    upstream.remove(DEMO)
    upstream.add(wheel("demo", "2.0"))
    clock.move(100_000)
    await node.pypi.page(ProjectName("demo"))
    [wrong] = (await verified(node)).wrong

    done = await mended(node, wrong)

    assert not done.well
    assert "lists demo-1.0-py3-none-any.whl no longer" in done.what
    assert await node.catalog.audit.needs(DEMO.sha256, None) == []


async def test_while_its_upstream_is_down(tmp_path: Path, upstream: Upstream, node: Worker) -> None:
    """What cannot be fetched now is still known as kept, so that it is fetched another time."""
    await fetched(node, upstream, DEMO)
    place(tmp_path, DEMO.sha256).unlink()
    [wrong] = (await verified(node)).wrong
    with upstream.down():
        done = await mended(node, wrong)

    assert not done.well
    assert (await verified(node)).wrong == [wrong]
    assert (await mended(node, wrong)).well


async def test_an_upload_s_wrong_bytes_are_set_aside(tmp_path: Path, node: Worker) -> None:
    """The wrong bytes of an upload are never thrown away, and are no blob any more."""
    digest = await uploaded(node, tmp_path)
    spoil(place(tmp_path, digest))
    [wrong] = (await verified(node)).wrong

    done = await mended(node, wrong)

    assert not done.well
    assert "cannot be repaired: put its blob back from a backup" in done.what
    [aside] = (tmp_path / "blobs" / "aside").iterdir()
    assert str(aside) in done.what
    assert aside.stat().st_size == len(b"mine")
    assert [each.kind for each in (await verified(node)).wrong] == ["missing"]


async def test_an_upload_that_an_upstream_has_too(
    tmp_path: Path, upstream: Upstream, node: Worker
) -> None:
    """Bytes that an upstream has as well are fetched from there, for the upload too."""
    await fetched(node, upstream, DEMO)
    await uploaded(node, tmp_path, DEMO.content)
    spoil(place(tmp_path, DEMO.sha256))
    [wrong] = (await verified(node)).wrong

    assert (await mended(node, wrong)).well
    assert await content(node.blobs, Digest(DEMO.sha256)) == DEMO.content


async def test_nobody_s_wrong_bytes(tmp_path: Path, node: Worker) -> None:
    """Wrong bytes that no row needs are thrown away, or the next upload would take them for its."""
    digest = await put(node.blobs, tmp_path, b"nobody's")
    spoil(place(tmp_path, digest))
    [wrong] = (await verified(node)).wrong

    assert wrong.needs == ()
    assert (await mended(node, wrong)).well
    assert await node.blobs.size(digest) is None


async def test_a_spoilt_page(upstream: Upstream, node: Worker) -> None:
    """A page that cannot be read is had anew; while its upstream is down it stays as it is."""
    upstream.add(DEMO)
    await node.page()
    with node.catalog.database.writing() as connection:
        connection.execute(update(documents).values(body=b"rubbish"))
    [wrong] = (await verified(node)).wrong
    with upstream.down():
        assert not (await mended(node, wrong)).well
    assert (await verified(node)).wrong == [wrong]

    assert (await mended(node, wrong)).well

    assert (await verified(node)).wrong == []
    assert [file.filename for file in (await node.page()).files] == [DEMO.filename]


async def test_a_disk_that_is_away(tmp_path: Path, node: Worker) -> None:
    """A store that is not there is no store without blobs: nothing is called missing."""
    await uploaded(node, tmp_path)
    (tmp_path / "blobs" / "sha256").rename(tmp_path / "elsewhere")

    with pytest.raises(StorageDown):
        await verified(node)
