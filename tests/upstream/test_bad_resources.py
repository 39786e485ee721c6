import gzip
import json
import zlib

import pytest

from tests.packages import wheel
from tests.upstream import kinds
from tests.upstream.answers import JSON
from tests.upstream.bad_resources import MIB, gzip_bomb
from tests.upstream.controller import Upstream
from tests.upstream.fetching import Fetched, fetch, fetch_json
from tests.upstream.misbehaviour import Misbehaviour

DEMO = wheel("demo", "1.0", size=200_000)
PAGE = "/simple/demo/"


def file_from(
    upstream: Upstream, *bad: Misbehaviour, headers: dict[str, str] | None = None
) -> Fetched:
    path = upstream.add(DEMO)
    upstream.misbehave(path, *bad)
    return fetch(upstream.url + path, headers)


def page_from(upstream: Upstream, *bad: Misbehaviour) -> Fetched:
    upstream.add(DEMO)
    upstream.misbehave(PAGE, *bad)
    return fetch_json(upstream.url + PAGE)


@pytest.mark.parametrize("at", [-1, 0, 100_000])
def test_wrong_bytes(upstream: Upstream, at: int) -> None:
    """One byte is wrong, and the length is right."""
    body = file_from(upstream, kinds.WrongBytes(at=at)).body

    differing = [n for n in range(DEMO.size) if body[n] != DEMO.content[n]]

    assert (len(body), differing) == (DEMO.size, [at % DEMO.size])


@pytest.mark.parametrize("by", [-7, 7])
def test_wrong_length(upstream: Upstream, by: int) -> None:
    """The file is another length than listed, and its Content-Length says so."""
    got = file_from(upstream, kinds.WrongLength(by=by))

    assert (len(got.body), got.headers["content-length"]) == (DEMO.size + by, str(DEMO.size + by))
    assert got.error is None


def test_verbatim(upstream: Upstream) -> None:
    """What lies there is what the test put there."""
    got = page_from(upstream, kinds.Verbatim(content=b"[]", media_type="text/x-mine"))

    assert (got.body, got.headers["content-type"]) == (b"[]", "text/x-mine")


def test_invalid_json(upstream: Upstream) -> None:
    """The page calls itself JSON and no parser takes it."""
    got = page_from(upstream, kinds.InvalidJson())

    assert got.headers["content-type"] == JSON
    with pytest.raises(json.JSONDecodeError):
        json.loads(got.body)


def test_media_type(upstream: Upstream) -> None:
    """The type is another one, or none at all."""
    other = page_from(upstream, kinds.MediaType(value="text/plain", times=1))
    none = page_from(upstream, kinds.MediaType(value=None))

    assert other.headers["content-type"] == "text/plain"
    assert "content-type" not in none.headers


def test_range_ignored(upstream: Upstream) -> None:
    """A Range is answered with 200 and the whole file."""
    got = file_from(upstream, kinds.RangeIgnored(), headers={"Range": "bytes=10-"})

    assert (got.status, got.body) == (200, DEMO.content)


def test_etag_changes(upstream: Upstream) -> None:
    """A resumed transfer gets the whole file, since the ETag is another by then."""
    first = file_from(upstream, kinds.EtagChanges(), kinds.Cut(times=1))
    rest = {"Range": f"bytes={len(first.body)}-", "If-Range": first.headers["etag"]}

    second = fetch(upstream.url + upstream.file(DEMO), rest)

    assert first.body == DEMO.content[:100_000]
    assert (second.status, second.body) == (200, DEMO.content)
    assert second.headers["etag"] != first.headers["etag"]


def test_no_etag(upstream: Upstream) -> None:
    """There is nothing to revalidate with."""
    headers = file_from(upstream, kinds.NoEtag()).headers

    assert {"etag", "last-modified"} & set(headers) == set()


def test_weak_etag(upstream: Upstream) -> None:
    """The ETag is weak."""
    assert page_from(upstream, kinds.WeakEtag()).headers["etag"].startswith('W/"')


def test_cache_control(upstream: Upstream) -> None:
    """Cache-Control is what the test says, or is not there."""
    said = page_from(upstream, kinds.CacheControl(value="no-store", times=1))
    none = page_from(upstream, kinds.CacheControl(value=None))

    assert said.headers["cache-control"] == "no-store"
    assert "cache-control" not in none.headers


def test_gzipped(upstream: Upstream) -> None:
    """The page is compressed for who accepts it, under an ETag of its own."""
    plain = page_from(upstream, kinds.Gzipped())
    packed = fetch(upstream.url + PAGE, {"Accept": JSON, "Accept-Encoding": "gzip, deflate"})
    again = fetch(upstream.url + PAGE, {"If-None-Match": packed.headers["etag"], "Accept": JSON})

    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert again.status == 200


def test_gzipped_always(upstream: Upstream) -> None:
    """The page is compressed even for those who did not ask for that."""
    got = page_from(upstream, kinds.Gzipped(always=True))

    assert json.loads(gzip.decompress(got.body))["name"] == "demo"


def test_gzip_bomb(upstream: Upstream) -> None:
    """A few kilobytes unpack to as many MiB as asked."""
    got = page_from(upstream, kinds.GzipBomb(mebibytes=64))

    assert len(got.body) < MIB
    assert len(gzip.decompress(got.body)) == 64 * MIB
    assert zlib.decompressobj(31).decompress(gzip_bomb(3)) == b" " * 3 * MIB
