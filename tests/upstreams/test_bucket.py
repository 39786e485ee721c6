"""A bucket as an upstream: what only a bucket does."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from cloche.core.errors import BadSetting, NoSuchFile, TooLarge, UpstreamDown, UpstreamLies
from cloche.core.model import File
from cloche.ports import Upstream as Port
from tests.packages import sdist, wheel
from tests.ports import free_port
from tests.server import Cloche
from tests.services.s3 import Bucket
from tests.upstreams.samples import DEMO, NAME, Objects, artifact, fetched, opened, parsed
from tests.web.answers import listed

pytestmark = pytest.mark.anyio

SERVED = """
[upstream.store]
kind = "bucket"
url = "{url}/wheels"
endpoint = "{endpoint}"
region = "{region}"
access_key_id = "{access_key_id}"

[index.main]
sources = ["store"]
"""


@pytest.fixture
def objects(request: pytest.FixtureRequest, s3: Bucket) -> Objects:
    return Objects(request.getfixturevalue("s3_process"), s3)


@pytest.fixture
async def port(objects: Objects) -> AsyncIterator[Port]:
    made = opened("bucket", {**objects.settings(), "refresh": 0})
    yield made
    await made.close()


def put(objects: Objects, path: str, data: bytes) -> None:
    objects.bucket.store("all packages").put(path, data)


async def files(port: Port) -> tuple[File, ...]:
    return parsed(await port.page(NAME, None)).files


async def test_what_an_object_tells(port: Port, objects: Objects) -> None:
    """Size and time of an object are its file's; a digest is stated by nobody."""
    objects.add(DEMO)
    (file,) = await files(port)
    (found, *_) = objects.bucket.store("all packages").list().collect()

    assert (file.size, file.hashes, file.upload_time) == (DEMO.size, {}, found["last_modified"])


async def test_where_files_lie(port: Port, objects: Objects) -> None:
    """At any depth, the highest of one name, the oldest version first; what is hidden is not."""
    two = sdist("demo", "2.0")
    for path, data in {
        f"z/{two.filename}": two.content,
        f"a/b/{DEMO.filename}": b"deeper",
        f"b/{DEMO.filename}": DEMO.content,
        f".trash/{wheel('demo', '3.0').filename}": b"hidden",
        "demo-4.0.exe": b"no distribution",
    }.items():
        put(objects, path, data)

    found = await files(port)
    assert [file.filename for file in found] == [DEMO.filename, two.filename]
    assert found[0].size == DEMO.size


async def test_an_object_that_is_overwritten(port: Port, objects: Objects) -> None:
    """Other bytes under the same name are another file, and the former is there no more."""
    objects.add(DEMO)
    before = await artifact(port)
    put(objects, f"by name/{DEMO.filename}", b"other bytes")
    (after,) = await files(port)

    assert after.key != before.key
    with pytest.raises(NoSuchFile, match=DEMO.filename):
        await fetched(port, before)


async def test_how_long_one_look_holds(objects: Objects) -> None:
    """The list of objects is asked for once in `refresh` seconds, however often pages are."""
    port = opened("bucket", {**objects.settings(), "refresh": 3600})
    objects.add(DEMO)
    assert len(await files(port)) == 1
    objects.add(wheel("demo", "2.0"))

    assert len(await files(port)) == 1
    await port.close()


async def test_more_objects_than_may_be(objects: Objects) -> None:
    """A bucket that holds more than is expected is not listed to its end."""
    objects.add(DEMO)
    port = opened("bucket", {**objects.settings(), "max_entries": 1})
    with pytest.raises(UpstreamLies, match="more than 1 objects; raise max_entries"):
        await port.page(NAME, None)
    await port.close()


async def test_a_file_beyond_the_bound(objects: Objects) -> None:
    """A file that is larger than the operator allows is not begun."""
    objects.add(DEMO)
    port = opened("bucket", {**objects.settings(), "max_file_bytes": 1000})
    with pytest.raises(TooLarge, match="the 1000 allowed"):
        await fetched(port, await artifact(port))
    await port.close()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"secret_access_key": "wrong"}, "check url and credentials"),
        ({"access_key_id": "nobody"}, "check url and credentials"),
        ({"url": "s3://no-such-bucket-at-all"}, "NoSuchBucket.*check url and credentials"),
        ({"endpoint": "closed"}, "cannot be reached .*try again"),
    ],
)
async def test_what_cannot_be_listed(objects: Objects, wrong: dict[str, Any], said: str) -> None:
    """A bucket that does not let us in, or is not there, is an outage and not empty."""
    settings = {**objects.settings(), **wrong}
    if settings["endpoint"] == "closed":
        settings["endpoint"] = f"http://127.0.0.1:{free_port()}"
    port = opened("bucket", settings)
    with pytest.raises(UpstreamDown, match=said):
        await port.page(NAME, None)
    await port.close()


@pytest.mark.parametrize(
    "url", ["s3://elsewhere/demo.whl", "https://host/demo.whl", "s3://", "file:///etc/passwd"]
)
async def test_an_address_out_of_the_bucket(port: Port, objects: Objects, url: str) -> None:
    """Nothing is fetched but objects of the bucket below its prefix."""
    objects.add(DEMO)
    wanted = await artifact(port)
    for each in (url, f"{objects.bucket.url}/other/demo.whl"):
        with pytest.raises(UpstreamLies, match="out of its bucket"):
            await fetched(port, replace(wanted, url=each))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"url": "https://bucket/prefix"}, "names no bucket"),
        ({"url": "s3:///prefix"}, "names no bucket"),
        ({"url": "s3://key:secret@bucket"}, "names no bucket"),
        ({"url": "s3://bucket?x=y"}, "names no bucket"),
        ({"url": "gs://bucket"}, "endpoint is for s3:// only"),
        ({"endpoint": "nonsense"}, "endpoint is 'nonsense'; write https://host"),
    ],
)
def test_what_is_no_bucket(wrong: dict[str, Any], said: str) -> None:
    """Settings that can never work are refused at the start, without telling a secret."""
    with pytest.raises(BadSetting, match=said) as told:
        opened("bucket", {"url": "s3://bucket", "endpoint": "http://127.0.0.1:9", **wrong})
    assert "secret" not in str(told.value)


@pytest.fixture
def server(tmp_path: Path, objects: Objects) -> Iterator[Cloche]:
    config = tmp_path / "cloche.toml"
    settings = objects.settings()
    config.write_text(SERVED.format(**{**settings, "url": objects.bucket.url}))
    env = {"CLOCHE_UPSTREAM__STORE__SECRET_ACCESS_KEY": settings["secret_access_key"]}
    with Cloche(tmp_path / "data", config=config, env=env) as running:
        yield running


def test_a_server_over_a_bucket(server: Cloche, objects: Objects) -> None:
    """A wheel is installed from the bucket: its metadata is read out of it, its digest learned."""
    objects.bucket.store("wheels").put(DEMO.filename, DEMO.content)
    accept = {"Accept": "application/vnd.pypi.simple.v1+json"}
    assert listed(server, "demo") == [DEMO.filename]
    page = server.get("/simple/demo/", accept)
    (file,) = msgspec.json.decode(page.body)["files"]
    where = "/" + file["url"].lstrip("./")

    assert server.get(f"{where}.metadata").body == DEMO.metadata
    assert server.get(where).body == DEMO.content
    (after,) = msgspec.json.decode(server.get("/simple/demo/", accept).body)["files"]
    assert after["hashes"] == {"sha256": DEMO.sha256}
    checked = server.command("config", "check", str(server.config))
    assert "upstream  store: bucket" in checked.stdout
