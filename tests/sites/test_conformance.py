"""One suite for every place that static files are written to: a new one is tested by existing."""

import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest

import cloche.sites
from cloche import kinds
from cloche.core.errors import BadName, BadSetting, DigestMismatch
from cloche.core.model import Digest
from cloche.ports.sites import Chunks, Site
from tests.services.s3 import Bucket

pytestmark = pytest.mark.anyio

PATHS = ["simple/a/index.html", "packages/ü/a+b.whl", ".cloche/projects/a"]


def file_site(request: pytest.FixtureRequest) -> Site:
    folder: Path = request.getfixturevalue("tmp_path")
    made: Site = kinds.load(cloche.sites, "file").connect((folder / "büro site").as_uri(), {}, None)
    return made


def s3_site(request: pytest.FixtureRequest) -> Site:
    bucket: Bucket = request.getfixturevalue("s3")
    options = {
        "endpoint": bucket.endpoint,
        "region": bucket.region,
        "access_key_id": bucket.access_key,
        "secret_access_key": bucket.secret_key,
    }
    made: Site = kinds.load(cloche.sites, "s3").connect(f"{bucket.url}/some%20site", options, None)
    return made


SAMPLES: dict[str, Callable[[pytest.FixtureRequest], Site]] = {"file": file_site, "s3": s3_site}


@pytest.fixture(params=kinds.names(cloche.sites))
async def site(request: pytest.FixtureRequest) -> Site:
    found = SAMPLES[request.param](request)
    await found.begin()
    return found


def chunks(*parts: bytes) -> Chunks:
    async def give() -> AsyncGenerator[bytes, None]:
        for part in parts:
            yield part

    return give


def digest_of(data: bytes) -> Digest:
    return Digest(hashlib.sha256(data).hexdigest())


async def names(site: Site, folder: str) -> list[str]:
    return sorted([name async for name in site.names(folder)])


async def test_round_trip(site: Site) -> None:
    """What is written and put is there as it was, and its size is told; again replaces it."""
    for data in (b"first", b"", b"the second"):
        for path in PATHS:
            await site.write(path, data)
        await site.put("packages/b/b.whl", digest_of(data * 2), chunks(data, data))

        assert [await site.read(path) for path in PATHS] == [data] * 3
        assert await site.sizes([*PATHS, "packages/b/b.whl"]) == [len(data)] * 3 + [2 * len(data)]


async def test_what_is_not_there(site: Site) -> None:
    """Nothing is read, of no size, listed nowhere, and removed without harm."""
    await site.write("simple/a/index.html", b"page")

    assert await site.read("simple/b/index.html") is None
    assert await site.sizes(["simple/a", "simple/b", "simple/a/index.html/x"]) == [None] * 3
    assert await names(site, "nowhere") == []
    await site.remove(["simple/b/index.html", "nowhere/x"])
    assert await site.read("simple/a/index.html") == b"page"


async def test_other_bytes(site: Site) -> None:
    """Bytes that have not the digest are refused, and what was there stays."""
    await site.put("packages/a", digest_of(b"good"), chunks(b"good"))

    with pytest.raises(DigestMismatch):
        await site.put("packages/a", digest_of(b"good"), chunks(b"ba", b"d"))
    with pytest.raises(DigestMismatch):
        await site.put("packages/b", digest_of(b"good"), chunks(b"ba", b"d"))

    assert await site.read("packages/a") == b"good"
    assert await names(site, "packages") == ["a"]


async def test_names(site: Site) -> None:
    """A folder lists what lies in it, of any number, folders too, and nothing below them."""
    for number in range(1_100):
        await site.write(f".cloche/projects/p{number}", b"")
    await site.write(".cloche/projects/sub/deep", b"")

    assert await names(site, ".cloche/projects") == sorted(
        ["sub", *(f"p{number}" for number in range(1_100))]
    )
    assert await names(site, "") == [".cloche"]


async def test_remove(site: Site) -> None:
    """What is removed is gone, with the folders that it leaves empty; all else stays."""
    for path in ("simple/a/index.html", "simple/a/b/c", "simple/d"):
        await site.write(path, b"x")

    await site.remove(["simple/a/index.html", "simple/a/b/c"])

    assert await site.sizes(["simple/a/index.html", "simple/a/b/c", "simple/d"]) == [None, None, 1]
    assert await names(site, "simple") == ["d"]


@pytest.mark.parametrize("path", ["../out", "a/../../out", "a//b", "/out", "a/.", ".."])
async def test_no_path_leaves_it(site: Site, path: str) -> None:
    """A path that is no plain one is refused by all that write."""
    works: list[Callable[[], Awaitable[None]]] = [
        lambda: site.write(path, b"x"),
        lambda: site.put(path, digest_of(b"x"), chunks(b"x")),
        lambda: site.remove([path]),
    ]
    for work in works:
        with pytest.raises(BadName):
            await work()


@pytest.mark.parametrize("url", ["file:///nowhere", "s3://bucket/prefix"])
def test_options(url: str) -> None:
    """Options that there are not are refused."""
    with pytest.raises(BadSetting):
        kinds.load(cloche.sites, url.partition(":")[0]).connect(url, {"colour": "red"}, None)
