"""`cloche export s3://…`: the same files as in a folder, and the same again."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from obstore.store import S3Store

from cloche.catalog import connect
from tests.cli.export.trees import tree
from tests.cli.program import refused, run
from tests.services.s3 import Bucket
from tests.upstream.controller import Upstream


def store(bucket: Bucket, prefix: str) -> S3Store:
    return S3Store(
        bucket.url.removeprefix("s3://"),
        prefix=prefix,
        endpoint=bucket.endpoint,
        region=bucket.region,
        access_key_id=bucket.access_key,
        secret_access_key=bucket.secret_key,
        client_options={"allow_http": True},
    )


def content(bucket: Bucket, prefix: str = "some/site") -> dict[str, bytes]:
    place = store(bucket, prefix)
    paths = [found["path"] for page in place.list() for found in page]
    return {path: bytes(place.get(path).bytes()) for path in paths}


def variables(bucket: Bucket) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": bucket.endpoint,
        "AWS_REGION": bucket.region,
        "AWS_ACCESS_KEY_ID": bucket.access_key,
        "AWS_SECRET_ACCESS_KEY": bucket.secret_key,
    }


async def lent(data: Path, what: str, who: str) -> None:
    """Have another node hold the lease for that, as if its process ran."""
    catalog = connect(f"sqlite:///{data}/cloche.db")
    now = datetime.now(UTC)
    try:
        assert await catalog.leases.take(what, who, now, now + timedelta(hours=1)) is None
    finally:
        await catalog.close()


@pytest.mark.anyio
async def test_two_nodes(folder: Path, upstream: Upstream, s3: Bucket) -> None:
    """While another node exports into a bucket, this one does not; a folder is each node's own."""
    target, asked = f"{s3.url}/lent", ("--data", "data", "--upstream", upstream.simple)
    for where in (target, (folder / "target").as_uri()):
        await lent(folder / "data", f"the export to {where}", "other (/data), process 1")

    done = run(folder, "export", target, *asked, env=variables(s3))

    assert f"another export to {target} is running" in refused(done)
    assert run(folder, "export", "target", *asked).returncode == 0


def test_a_bucket_again(folder: Path, upstream: Upstream, s3: Bucket) -> None:
    """What lies in a bucket is not asked for again, unless --full says so."""
    target, asked = f"{s3.url}/again", ("--data", "data", "--upstream", upstream.simple)
    env = variables(s3)
    assert run(folder, "export", target, *asked, env=env).returncode == 0
    (gone, *_) = [path for path in content(s3, "again") if path.endswith(".whl")]
    store(s3, "again").delete(gone)

    assert run(folder, "export", target, *asked, env=env).stdout.startswith("2 projects: 0 files")
    assert gone not in content(s3, "again")
    assert run(folder, "export", target, *asked, "--full", env=env).returncode == 0
    assert gone in content(s3, "again")


def test_a_bucket(folder: Path, upstream: Upstream, s3: Bucket) -> None:
    """A bucket gets what a folder gets, nothing twice, and loses what is gone."""
    env = variables(s3)
    asked = ("--data", "data", "--upstream", upstream.simple)
    target = f"{s3.url}/some/site"

    first = run(folder, "export", target, *asked, env=env)
    assert (first.returncode, first.stderr) == (0, "")
    assert run(folder, "export", "target", *asked).returncode == 0
    assert content(s3) == tree(folder / "target")

    again = run(folder, "export", target, *asked, env=env)
    assert again.stdout.startswith("2 projects: 0 files written")

    assert run(folder, "delete", "own-name", "--all", "--data", "data").returncode == 0
    assert run(folder, "export", target, *asked, env=env).returncode == 0
    assert run(folder, "export", "target", *asked).returncode == 0
    assert content(s3) == tree(folder / "target")
