"""What only a server far away can do: refuse, be full, be down, break off."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from cloche.blobs import s3 as s3_kind
from cloche.core.errors import BadSetting, StorageDown, StorageFull
from cloche.ports import Blobs
from tests.blobs.samples import NOWHERE, content, digest_of, put, spool
from tests.blobs.scripted import Answer, scripted
from tests.blobs.test_conformance import s3_options
from tests.ports import free_port
from tests.services.s3 import Bucket

pytestmark = pytest.mark.anyio

DATA = bytes(range(256)) * 4000


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry as often as ever, and wait less for it."""
    backoff = {"init_backoff": timedelta(milliseconds=1), "max_backoff": timedelta(milliseconds=5)}
    monkeypatch.setattr(s3_kind, "RETRY", {**s3_kind.RETRY, "backoff": backoff})


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "REGION", "ENDPOINT_URL"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)


def options(endpoint: str) -> dict[str, str]:
    return {"endpoint": endpoint, "access_key_id": "key", "secret_access_key": "secret"}


def blobs_at(endpoint: str) -> Blobs:
    return s3_kind.connect("s3://bucket", options(endpoint))


@pytest.mark.parametrize(
    ("url", "given", "said"),
    [
        ("s3://", {}, "names no bucket; write s3://bucket/prefix"),
        ("s3:///prefix", {}, "names no bucket"),
        ("s3://b?x=y", {}, "names no bucket"),
        ("s3://bucket/a//b", {}, "cannot be used .* correct it"),
        ("s3://bucket/../b", {}, "cannot be used .* correct it"),
        ("s3://bucket", {"colour": "red"}, "has no colour; it has endpoint, region, access_key_id"),
        ("s3://bucket", {"access_key_id": "key"}, "give both, or neither"),
        ("s3://bucket", {"secret_access_key": "x"}, "give both, or neither"),
        ("s3://bucket", {"endpoint": "nonsense"}, "endpoint is 'nonsense'; write https://host"),
        ("s3://bucket", {"endpoint": ""}, "write https://host"),
        ("s3://bucket", {"endpoint": "ftp://host"}, "write https://host"),
        ("s3://bucket", {"endpoint": "http://ho st"}, "write https://host"),
        ("s3://bucket", {"endpoint": "http://host:port"}, "write https://host"),
        ("s3://bucket", {"endpoint": "http://[::1"}, "write https://host"),
    ],
)
def test_bad_settings(url: str, given: Mapping[str, str], said: str) -> None:
    """What cannot work is refused when the server starts, with cause and cure."""
    with pytest.raises(BadSetting, match=said):
        s3_kind.connect(url, given)


def test_bad_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address in the environment is looked at as well."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")

    with pytest.raises(BadSetting, match="AWS_ENDPOINT_URL is 'nonsense'"):
        s3_kind.connect("s3://bucket", {})


def test_secrets_are_not_shown() -> None:
    """A URL with a secret in it is refused, and not repeated in any log."""
    with pytest.raises(BadSetting) as caught:
        s3_kind.connect("s3://key:hunter2@bucket/prefix", {})

    assert "hunter2" not in str(caught.value)


async def test_the_environment_is_enough(
    s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the options leave out comes from the usual variables."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    blobs = s3_kind.connect(s3.url, {})

    await blobs.check()
    assert await content(blobs, await put(blobs, tmp_path, DATA)) == DATA


async def test_prefixes_are_apart(s3: Bucket, tmp_path: Path) -> None:
    """Two servers share a bucket without seeing each other, and strangers' objects are no blobs."""
    one, two = (s3_kind.connect(f"{s3.url}/{name}", s3_options(s3)) for name in ("one", "one-two"))
    digest = await put(one, tmp_path, DATA)
    await s3.store("one").put_async("sha256/readme.txt", b"not a blob")

    assert [stored.digest async for stored in one.list()] == [digest]
    assert [stored async for stored in two.list()] == []
    assert await two.size(digest) is None
    assert (await s3.store().head_async(f"one/sha256/{digest[:2]}/{digest}"))["size"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"access_key_id": "nobody"}, r"InvalidAccessKeyId\); correct the credentials"),
        ({"secret_access_key": "wrong"}, r"SignatureDoesNotMatch\); correct the credentials"),
    ],
)
async def test_wrong_credentials(
    wrong: dict[str, str], said: str, s3: Bucket, tmp_path: Path
) -> None:
    """The check says that settings are wrong; to clients of the server, storage is down."""
    blobs = s3_kind.connect(s3.url, {**s3_options(s3), **wrong})

    with pytest.raises(BadSetting, match=said):
        await blobs.check()
    with pytest.raises(StorageDown, match="correct the credentials"):
        await blobs.size(NOWHERE)
    with pytest.raises(StorageDown, match=said):
        await content(blobs, NOWHERE)
    with pytest.raises(StorageDown, match=said):
        await put(blobs, tmp_path, DATA)
    with pytest.raises(StorageDown, match=said):
        [_ async for _ in blobs.list()]


async def test_no_such_bucket(s3: Bucket, tmp_path: Path) -> None:
    """A missing bucket is never taken for missing blobs."""
    blobs = s3_kind.connect(f"{s3.url}-gone/x", s3_options(s3))
    spooled = spool(tmp_path, DATA)

    with pytest.raises(BadSetting, match=r"NoSuchBucket\); make the bucket, or correct"):
        await blobs.check()
    for use in (
        lambda: blobs.size(NOWHERE),
        lambda: content(blobs, NOWHERE),
        lambda: content(blobs, NOWHERE, 3, 3),
        lambda: blobs.put(spooled),
        lambda: blobs.delete(NOWHERE),
    ):
        with pytest.raises(StorageDown, match="NoSuchBucket"):
            await use()
    assert spooled.path.exists()


async def test_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials anywhere the check says where to give them."""
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    blobs = s3_kind.connect("s3://bucket", {"endpoint": "http://127.0.0.1:1"})

    with pytest.raises(BadSetting, match=r"no credentials.*AWS_ACCESS_KEY_ID"):
        await blobs.check()


async def test_server_down(tmp_path: Path) -> None:
    """A server that cannot be reached is StorageDown for every use, after some tries."""
    blobs = blobs_at(f"http://127.0.0.1:{free_port()}")
    spooled = spool(tmp_path, DATA)
    started = time.monotonic()

    for use in (
        blobs.check,
        lambda: blobs.size(NOWHERE),
        lambda: content(blobs, NOWHERE),
        lambda: blobs.put(spooled),
        lambda: blobs.delete(NOWHERE),
    ):
        with pytest.raises(StorageDown, match=r"cannot be used now .* try again"):
            await use()
    with pytest.raises(StorageDown):
        [_ async for _ in blobs.list()]
    assert spooled.path.exists()
    assert time.monotonic() - started < 60


@pytest.mark.parametrize(
    "answer",
    [
        Answer.error(403, "QuotaExceeded"),
        Answer.error(507, "InsufficientStorage"),
        Answer(507),
    ],
)
async def test_quota(answer: Answer, tmp_path: Path) -> None:
    """A server without room is StorageFull, and the spooled file stays."""
    with scripted(answer) as script:
        spooled = spool(tmp_path, DATA)
        with pytest.raises(StorageFull, match=r"has no room .* ask the server's operator"):
            await blobs_at(script.endpoint).put(spooled)

    assert spooled.path.exists()


async def test_tries_again(tmp_path: Path) -> None:
    """A server that is busy for a moment costs no error."""
    with scripted(Answer.error(503, "SlowDown"), Answer.error(500, "Oops"), Answer(200)) as script:
        await put(blobs_at(script.endpoint), tmp_path, DATA)

    assert script.asked == ["PUT"] * 3


async def test_gives_up(tmp_path: Path) -> None:
    """A server that is unwell for long is StorageDown; the check does not even try again."""
    with scripted(Answer.error(500, "Oops")) as script:
        with pytest.raises(StorageDown, match="Oops"):
            await put(blobs_at(script.endpoint), tmp_path, DATA)
        asked = len(script.asked)
        with pytest.raises(StorageDown, match="Oops"):
            await blobs_at(script.endpoint).check()

    assert asked > 2
    assert len(script.asked) == asked + 1


async def test_a_broken_answer_is_never_an_end() -> None:
    """A body that breaks off is asked for again, and then StorageDown: never a short file."""
    half = Answer(206, DATA[:1000], promised=len(DATA))
    with scripted(half) as script, pytest.raises(StorageDown):
        await content(blobs_at(script.endpoint), digest_of(DATA), 0, len(DATA))


async def test_a_stalled_answer_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that falls silent is given up, whether before or within its answer."""
    monkeypatch.setattr(s3_kind, "CLIENT", {**s3_kind.CLIENT, "read_timeout": "200ms"})
    stalled = Answer(206, DATA[:1000], promised=len(DATA), stalls=True)
    started = time.monotonic()

    with scripted(stalled) as script, pytest.raises(StorageDown):
        await content(blobs_at(script.endpoint), digest_of(DATA), 0, len(DATA))
    assert time.monotonic() - started < 50


async def test_memory_is_bounded(s3: Bucket, tmp_path: Path) -> None:
    """A file of 256 MiB goes up and comes down in a fraction of that memory."""
    given = msgspec.json.encode(s3_options(s3)).decode()
    command = (sys.executable, "-m", "tests.blobs.large", str(tmp_path), "256", s3.url, given)
    child = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    said, _ = await child.communicate()
    whole, mebibytes = said.split()

    assert whole == b"True"
    assert int(mebibytes) < 128
