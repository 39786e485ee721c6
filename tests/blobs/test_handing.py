"""Blobs that others hand out: what each store tells them leads to the bytes."""

import asyncio
import http.client
import os
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import cloche.blobs
from cloche import kinds
from cloche.blobs import s3 as s3_kind
from cloche.core.errors import BadSetting, StorageDown
from cloche.core.model import Digest
from tests.blobs.samples import NOWHERE, digest_of, put
from tests.blobs.test_conformance import SAMPLES, Sample, s3_options
from tests.ports import free_port
from tests.services.s3 import Bucket
from tests.waiting import until

pytestmark = pytest.mark.anyio

DATA = os.urandom(5000)
LIFE = timedelta(seconds=60)

Taken = tuple[int, bytes]
Taker = Callable[[Sample, Digest], Awaitable[bytes]]


def take(url: str, method: str = "GET", **headers: str) -> Taken:
    """What somebody gets there who knows nothing but the address."""
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.netloc, timeout=60)) as asking:
        asking.request(method, f"{parts.path}?{parts.query}", headers=headers)
        answer = asking.getresponse()
        return answer.status, answer.read()


async def by_place(sample: Sample, digest: Digest) -> bytes:
    """As a server of files does that has the folder."""
    place: str = kinds.load(cloche.blobs, sample.kind).place(digest)
    return (Path(unquote(urlsplit(sample.url).path)) / place).read_bytes()


async def by_address(sample: Sample, digest: Digest) -> bytes:
    """As a client does that was sent there."""
    signing = kinds.load(cloche.blobs, sample.kind).signing(sample.url, sample.options, None)
    status, data = await asyncio.to_thread(take, await signing.address(digest, LIFE))
    assert status == 200, data
    return data


TAKERS: dict[str, Taker] = {"file": by_place, "s3": by_address}


@pytest.mark.parametrize("kind", kinds.names(cloche.blobs))
async def test_what_was_put_is_found(
    request: pytest.FixtureRequest, kind: str, tmp_path: Path
) -> None:
    """Each store has a way for others to the very bytes, below whatever prefix or folder."""
    sample = SAMPLES[kind](request)
    digest = await put(sample.connect(), tmp_path, DATA)

    assert await TAKERS[kind](sample, digest) == DATA


async def address(s3: Bucket, digest: Digest, life: timedelta = LIFE) -> str:
    return await s3_kind.signing(f"{s3.url}/team", s3_options(s3), None).address(digest, life)


async def test_an_address_is_for_one_blob_and_for_reading(s3: Bucket, tmp_path: Path) -> None:
    """Whoever has an address reads that blob, whole or in part, and can do nothing else with it."""
    blobs = s3_kind.connect(f"{s3.url}/team", s3_options(s3))
    one, other = await put(blobs, tmp_path, DATA), await put(blobs, tmp_path, DATA[1:])
    signed = await address(s3, one)

    assert take(signed, Range="bytes=10-19") == (206, DATA[10:20])
    for method in ("PUT", "DELETE", "POST"):
        assert take(signed, method)[0] in {403, 405}
    assert take(signed.replace(one[:2] + "/" + one, other[:2] + "/" + other))[0] == 403
    assert take(signed.partition("?")[0])[0] == 403
    assert await blobs.size(one) == len(DATA)


async def test_an_address_ends(s3: Bucket, tmp_path: Path) -> None:
    """When its time is over, nobody gets anything there."""
    digest = await put(s3_kind.connect(f"{s3.url}/team", s3_options(s3)), tmp_path, DATA)
    signed = await address(s3, digest, timedelta(seconds=1))

    await asyncio.to_thread(until, lambda: take(signed)[0] == 403)


async def test_what_is_not_there(s3: Bucket) -> None:
    """An address can be had of anything; where nothing is, the bucket says so."""
    assert take(await address(s3, NOWHERE))[0] == 404


async def test_clients_may_see_another_address(s3: Bucket, tmp_path: Path) -> None:
    """Signed is the name by which clients know the server, which is never asked for that."""
    digest = await put(s3_kind.connect(s3.url, s3_options(s3)), tmp_path, DATA)
    hidden = {**s3_options(s3), "endpoint": f"http://127.0.0.1:{free_port()}"}
    public = s3.endpoint.replace("127.0.0.1", "localhost")
    signed = await s3_kind.signing(s3.url, hidden, public).address(digest, LIFE)

    assert signed.startswith(f"{public}/{s3.bucket}/sha256/")
    assert take(signed) == (200, DATA)


async def test_nothing_to_sign_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials anywhere, storage is down, and the cure is told."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    signing = s3_kind.signing("s3://bucket", {"endpoint": "http://127.0.0.1:1"}, None)

    with pytest.raises(StorageDown, match=r"no credentials.*AWS_ACCESS_KEY_ID"):
        await signing.address(NOWHERE, LIFE)


@pytest.mark.parametrize("endpoint", ["nonsense", "", "ftp://host", "http://ho st"])
def test_a_public_endpoint_that_is_none(endpoint: str) -> None:
    """What is no server's address is refused at the start."""
    with pytest.raises(BadSetting, match=r"public_endpoint is .*; write https://host"):
        s3_kind.signing("s3://bucket", {}, endpoint)


def test_place_is_where_it_lies(tmp_path: Path) -> None:
    """What nginx is told is what the store itself goes by."""
    file = kinds.load(cloche.blobs, "file")
    digest = digest_of(DATA)

    assert file.connect(tmp_path.as_uri(), {}).path(digest) == tmp_path / file.place(digest)
