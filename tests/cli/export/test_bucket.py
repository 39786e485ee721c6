"""`cloche export s3://…`: the same files as in a folder, and the same again."""

from pathlib import Path

from obstore.store import S3Store

from tests.cli.export.trees import tree
from tests.cli.program import run
from tests.services.s3 import Bucket
from tests.upstream.controller import Upstream


def content(bucket: Bucket) -> dict[str, bytes]:
    store = S3Store(
        bucket.url.removeprefix("s3://"),
        prefix="some/site",
        endpoint=bucket.endpoint,
        region=bucket.region,
        access_key_id=bucket.access_key,
        secret_access_key=bucket.secret_key,
        client_options={"allow_http": True},
    )
    paths = [found["path"] for page in store.list() for found in page]
    return {path: bytes(store.get(path).bytes()) for path in paths}


def test_a_bucket(folder: Path, upstream: Upstream, s3: Bucket) -> None:
    """A bucket gets what a folder gets, nothing twice, and loses what is gone."""
    env = {
        "AWS_ENDPOINT_URL": s3.endpoint,
        "AWS_REGION": s3.region,
        "AWS_ACCESS_KEY_ID": s3.access_key,
        "AWS_SECRET_ACCESS_KEY": s3.secret_key,
    }
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
