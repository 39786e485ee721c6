"""Kept files that somebody else hands out: who is sent where, and who is not."""

import http.client
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.packages import Built, wheel
from tests.server import Cloche, Reply
from tests.services.s3 import Bucket, Server
from tests.upstream.controller import Upstream
from tests.waiting import until
from tests.web.api.managing import Manager
from tests.web.api.managing import place as managed
from tests.web.forms import upload
from tests.web.test_accesslog import journal
from tests.web.tokens import basic, granted

SIZE = 5000
INDEXES = """
[upstream.pypi]
url = "{upstream}"
[index.main]
default = true
uploads = true
sources = ["pypi"]
[[index.main.rule]]
kind = "deny"
what = ["ha-denied"]
[index.closed]
sources = ["main"]
read = "authenticated"
"""
REDIRECTING = """
[store]
blobs = "{s3.url}/a team"
redirect_files = true
[store.s3]
endpoint = "{s3.endpoint}"
region = "here"
access_key_id = "{s3.access_key}"
secret_access_key = "{s3.secret_key}"
"""
ACCELERATED = """
[server]
trusted_proxies = ["{proxy}"]
[store]
x_accel = "/-/blobs/"
"""
NGINX = {"X-Sendfile-Type": "X-Accel-Redirect", "X-Forwarded-For": "10.0.0.1"}


def running(folder: Path, upstream: Upstream, more: str) -> Cloche:
    file = folder / "cloche.toml"
    file.write_text(more + INDEXES.format(upstream=upstream.simple))
    return Cloche(folder / "data", config=file)


@pytest.fixture(scope="module")
def bucket(s3_process: Server) -> Bucket:
    return s3_process.bucket()


@pytest.fixture(scope="module")
def redirecting(
    tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream, bucket: Bucket
) -> Iterator[Cloche]:
    """A server with its blobs in a bucket, to which it sends clients."""
    folder = tmp_path_factory.mktemp("redirecting")
    with running(folder, upstream_process, REDIRECTING.format(s3=bucket)) as server:
        yield server


@pytest.fixture(scope="module")
def accelerated(
    tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream
) -> Iterator[Cloche]:
    """A server with its blobs in a folder, of which nginx on this machine may send them."""
    folder = tmp_path_factory.mktemp("accelerated")
    with running(folder, upstream_process, ACCELERATED.format(proxy="127.0.0.1")) as server:
        yield server


def place(built: Built, index: str = "main") -> str:
    return f"/packages/{index}/{built.project}/{built.sha256}/{built.filename}"


def blob(built: Built) -> str:
    return f"sha256/{built.sha256[:2]}/{built.sha256}"


def hosted(server: Cloche, name: str) -> Built:
    """A file that was uploaded."""
    built = wheel(name, "1.0", size=SIZE)
    assert upload(server.url, built, granted(server.data, "upload")).status == 200
    return built


def cached(server: Cloche, upstream: Upstream, name: str, said: dict[str, str]) -> Built:
    """A file of the upstream's, which the server sends itself until it is kept."""
    built = wheel(name, "1.0", size=SIZE)
    upstream.add(built)
    first = server.get(place(built), said)
    assert (first.status, first.body) == (200, built.content)
    until(lambda: server.get(place(built), said).body == b"")
    return built


def follow(reply: Reply, **headers: str) -> tuple[int, bytes]:
    """Ask where a redirect leads, with no credentials."""
    address = reply.headers["location"]
    asked = urllib.request.Request(address, headers=headers)  # noqa: S310 - loopback
    with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310 - loopback
        return answer.status, answer.read()


@pytest.mark.parametrize("kind", ["hosted", "cached"])
def test_sent_to_the_bucket(
    redirecting: Cloche, upstream: Upstream, bucket: Bucket, kind: str
) -> None:
    """What is kept is had from the bucket, by an address that ends soon and that nobody keeps."""
    name = f"ha-bucket-{kind}"
    made = {
        "hosted": lambda: hosted(redirecting, name),
        "cached": lambda: cached(redirecting, upstream, name, {}),
    }
    built = made[kind]()
    reply = redirecting.get(place(built))

    assert (reply.status, reply.body, reply.headers["cache-control"]) == (307, b"", "no-store")
    assert "etag" not in reply.headers
    where = reply.headers["location"]
    assert where.startswith(f"{bucket.endpoint}/{bucket.bucket}/a%20team/{blob(built)}?")
    assert "X-Amz-Expires=60&" in where
    assert bucket.secret_key not in where
    assert follow(reply) == (200, built.content)


def test_parts_are_the_buckets_business(redirecting: Cloche) -> None:
    """Whatever range is asked for is had from the bucket, also one of an ETag of the bucket's."""
    built = hosted(redirecting, "ha-parts")
    part = {"Range": "bytes=10-19"}
    plain = redirecting.get(place(built), part)
    resumed = redirecting.get(place(built), {**part, "If-Range": '"of-the-bucket"'})

    assert (plain.status, resumed.status, resumed.body) == (307, 307, b"")
    assert follow(plain, **part) == (206, built.content[10:20])


def test_the_rest_is_served_as_ever(redirecting: Cloche) -> None:
    """HEAD, what a client has already, and metadata: the server itself answers."""
    built = hosted(redirecting, "ha-rest")
    head = redirecting.get(place(built), method="HEAD")
    known = redirecting.get(place(built), {"If-None-Match": f'"{built.sha256}"'})
    beside = redirecting.get(f"{place(built)}.metadata")

    assert (head.status, head.headers["content-length"]) == (200, str(SIZE))
    assert head.headers["etag"] == f'"{built.sha256}"'
    assert known.status == 304
    assert (beside.status, beside.body) == (200, built.metadata)


def test_judged_before(redirecting: Cloche, upstream: Upstream) -> None:
    """Nobody is sent to a file that they may not read, or that is withheld or quarantined."""
    built, denied = hosted(redirecting, "ha-judged"), wheel("ha-denied", "1.0")
    upstream.add(denied)
    reader = granted(redirecting.data, "read", index="*")

    assert redirecting.get(place(built, "closed")).status == 401
    assert redirecting.get(place(built, "closed"), basic(reader)).status == 307
    assert redirecting.get(place(denied)).status == 403
    admin = Manager(redirecting, granted(redirecting.data, "admin"))
    admin.do("PUT", managed(built.project, "status"), {"status": "quarantined", "reason": "no"})
    for index in ("main", "closed"):
        assert redirecting.get(place(built, index), basic(reader)).status == 403


def test_the_access_journal_knows(redirecting: Cloche) -> None:
    """Who is sent to the beginning of a file has fetched it; the rest of it is none of its own."""
    whole, rest = hosted(redirecting, "ha-whole"), hosted(redirecting, "ha-rest-of")
    end = f"bytes=-{SIZE}"
    for said in ({"Range": "bytes=10-"}, {"Range": f"bytes={SIZE}-"}, {"Range": "bytes=-10"}):
        assert redirecting.get(place(rest), said).status == 307
    assert redirecting.get(place(whole), {"Range": end}).status == 307

    def noted() -> set[str]:
        return {each.filename for each in journal(redirecting.data)}

    until(lambda: whole.filename in noted())
    assert rest.filename not in noted()


def test_another_cloche_follows(redirecting: Cloche, tmp_path: Path) -> None:
    """A server behind this one fetches from the bucket, to which it says no token."""
    built = hosted(redirecting, "ha-behind")
    config = tmp_path / "cloche.toml"
    config.write_text(
        f"""
        [upstream.first]
        url = "{redirecting.url}/closed/simple/"
        username = "__token__"
        password = "{granted(redirecting.data, "read", index="*")}"
        [index.main]
        sources = ["first"]
        """
    )
    with Cloche(tmp_path / "data", config=config) as behind:
        reply = behind.get(place(built))

    assert (reply.status, reply.body) == (200, built.content)


@pytest.mark.parametrize("kind", ["hosted", "cached"])
def test_left_to_nginx(accelerated: Cloche, upstream: Upstream, kind: str) -> None:
    """A proxy that says that it can is told where the bytes lie, and what to say of them."""
    name = f"ha-nginx-{kind}"
    made = {
        "hosted": lambda: hosted(accelerated, name),
        "cached": lambda: cached(accelerated, upstream, name, NGINX),
    }
    built = made[kind]()
    for said in ({}, {"Range": "bytes=10-19"}):
        reply = accelerated.get(place(built), {**NGINX, **said})
        told = {name.lower(): value for name, value in reply.headers.items()}
        del told["date"]
        assert (reply.status, reply.body) == (200, b"")
        assert told == {
            "x-accel-redirect": f"/-/blobs/{blob(built)}",
            "content-type": "application/octet-stream",
            "content-length": "0",
            "etag": f'"{built.sha256}"',
            "cache-control": "public, max-age=365000000, immutable",
            "x-content-type-options": "nosniff",
        }
    assert (accelerated.data / "blobs" / blob(built)).read_bytes() == built.content


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"X-Forwarded-For": "10.0.0.1"},
        {**NGINX, "X-Sendfile-Type": "X-Sendfile"},
        {**NGINX, "If-Match": "*"},
    ],
)
def test_bytes_for_the_others(accelerated: Cloche, said: dict[str, str]) -> None:
    """Who has not said that they can, or asks what nginx cannot know, gets the bytes."""
    built = hosted(accelerated, f"ha-others-{len(said)}-{'If-Match' in said}")
    for _ in range(3):
        assert accelerated.get(place(built), said).body == built.content
        assert accelerated.get(place(built), NGINX).body == b""


def test_one_connection_for_both(accelerated: Cloche) -> None:
    """No answer of the one sort is ever given for the other, however often each is asked for."""
    built = hosted(accelerated, "ha-both")
    address = accelerated.url.removeprefix("http://")
    with closing(http.client.HTTPConnection(address, timeout=60)) as asking:
        for said, body in [({}, built.content), (NGINX, b"")] * 4:
            asking.request("GET", place(built), headers=said)
            assert asking.getresponse().read() == body


def test_nginx_is_told_no_more_than_others(accelerated: Cloche) -> None:
    """Metadata and HEAD are answered as ever, and who may not read is told no place."""
    built = hosted(accelerated, "ha-told")
    head = accelerated.get(place(built), NGINX, "HEAD")
    closed = accelerated.get(place(built, "closed"), NGINX)

    assert (head.status, head.headers["content-length"]) == (200, str(SIZE))
    assert accelerated.get(f"{place(built)}.metadata", NGINX).body == built.metadata
    assert closed.status == 401
    for reply in (head, closed):
        assert "x-accel-redirect" not in reply.headers
    reader = basic(granted(accelerated.data, "read", index="*"))
    opened = accelerated.get(place(built, "closed"), {**NGINX, **reader})
    assert opened.headers["cache-control"] == "private, max-age=365000000, immutable"
    assert opened.headers["x-accel-redirect"] == f"/-/blobs/{blob(built)}"


def test_a_proxy_that_is_not_ours(tmp_path: Path, upstream: Upstream) -> None:
    """Whoever connects from elsewhere gets the bytes, whatever they say, and whoever they quote."""
    with running(tmp_path, upstream, ACCELERATED.format(proxy="10.0.0.0/8")) as server:
        built = hosted(server, "ha-stranger")

        for said in (NGINX, {**NGINX, "X-Forwarded-For": "10.0.0.1, 10.0.0.2"}):
            assert server.get(place(built), said).body == built.content
