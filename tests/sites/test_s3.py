"""A bucket: what a web site in it answers with, and what is wrong with its settings."""

import pytest
from obstore.store import S3Store

from cloche.core.errors import BadSetting
from cloche.sites import s3 as bucket_site
from tests.services.s3 import Bucket

pytestmark = pytest.mark.anyio


def options(bucket: Bucket) -> dict[str, str]:
    return {
        "endpoint": bucket.endpoint,
        "region": bucket.region,
        "access_key_id": bucket.access_key,
        "secret_access_key": bucket.secret_key,
    }


@pytest.mark.parametrize(
    ("name", "kind", "encoding"),
    [
        ("simple/a/index.html", "text/html; charset=utf-8", None),
        ("simple/a/index.html.gz", "text/html; charset=utf-8", "gzip"),
        ("simple/a/index.v1_json", "application/vnd.pypi.simple.v1+json", None),
        ("simple/a/index.v1_json.zst", "application/vnd.pypi.simple.v1+json", "zstd"),
        ("packages/a/a-1.tar.gz", "application/octet-stream", None),
    ],
)
async def test_headers(s3: Bucket, name: str, kind: str, encoding: str | None) -> None:
    """Each object has its content type, and pages that are compressed their encoding."""
    site = bucket_site.connect(f"{s3.url}/pre", options(s3), None)
    await site.write(name, b"x")
    store = S3Store(
        s3.url.removeprefix("s3://"),
        config=options(s3),  # type: ignore[arg-type]  # keys of it
        client_options={"allow_http": True},
    )

    found = (await store.get_async(f"pre/{name}")).attributes

    assert (found["Content-Type"], found.get("Content-Encoding")) == (kind, encoding)


async def test_no_bucket(s3: Bucket) -> None:
    """A bucket that is not there is told, and not taken for an empty one."""
    site = bucket_site.connect("s3://test-no-such-bucket", options(s3), None)

    for work in (site.read("a"), site.write("a", b"")):
        with pytest.raises(BadSetting, match="NoSuchBucket"):
            await work


@pytest.mark.parametrize("url", ["s3://", "s3://a?b=c", "s3://who:secret@bucket"])
def test_bad_addresses(url: str) -> None:
    """What names no bucket is refused, without a word of what may be a secret."""
    with pytest.raises(BadSetting) as refused:
        bucket_site.connect(url, {}, None)

    assert "secret" not in str(refused.value)
