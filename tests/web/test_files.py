"""Files over the wire: immutable bytes, whole or in part."""

import re
from dataclasses import dataclass

import msgspec
import pytest

from tests.packages import Built, sdist, wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream
from tests.web.forms import upload
from tests.web.talk import ask
from tests.web.tokens import basic

SIZE = 5_000


@dataclass(frozen=True)
class Kept:
    """A file that the server has, at its place."""

    built: Built

    @property
    def place(self) -> str:
        name = self.built.filename.replace("+", "%2B")
        return f"/packages/main/{self.built.project}/{self.built.sha256}/{name}"


@pytest.fixture(params=["hosted", "cached", "fetched"])
def kept(server: Cloche, token: str, upstream: Upstream, request: pytest.FixtureRequest) -> Kept:
    """A file of 5,000 bytes: uploaded; kept of an upstream; or still to be fetched from it."""
    name = re.sub(r"\W+", "-", f"fi-{request.node.name}").strip("-")
    found = Kept(wheel(name, "1.0+cpu", size=SIZE))
    if request.param == "hosted":
        assert upload(server.url, found.built, token).status == 200
    else:
        upstream.add(found.built)
    if request.param == "cached":
        assert server.get(found.place).status == 200
    return found


def test_whole(server: Cloche, kept: Kept) -> None:
    """A file comes whole, byte for byte, to be kept for ever, and never as a page of ours."""
    reply = server.get(kept.place)

    assert (reply.status, reply.body) == (200, kept.built.content)
    said = {name.lower(): value for name, value in reply.headers.items() if name.lower() != "date"}
    assert said == {
        "content-type": "application/octet-stream",
        "content-length": str(SIZE),
        "etag": f'"{kept.built.sha256}"',
        "cache-control": "public, max-age=365000000, immutable",
        "accept-ranges": "bytes",
        "x-content-type-options": "nosniff",
    }


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=100-199", 100, 200),
        ("bytes=0-0", 0, 1),
        ("bytes=4000-", 4000, SIZE),
        ("bytes=-1", SIZE - 1, SIZE),
        ("bytes=-500", SIZE - 500, SIZE),
        ("bytes=-999999", 0, SIZE),
        ("bytes=4999-999999", 4999, SIZE),
        ("BYTES = 10 - 19", 10, 20),
    ],
)
def test_range(server: Cloche, kept: Kept, asked: str, start: int, stop: int) -> None:
    """A range brings those bytes, and says which of how many they are."""
    reply = server.get(kept.place, {"Range": asked})

    assert (reply.status, reply.body) == (206, kept.built.content[start:stop])
    assert reply.headers["content-range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert reply.headers["content-length"] == str(stop - start)
    assert reply.headers["etag"] == f'"{kept.built.sha256}"'


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=0-1,5-6",
        "bytes=5-2",
        "bytes=-",
        "bytes=",
        "bytes=a-b",
        "bytes=1-2-3",
        "items=0-1",
        "0-1",
        "",
        "bytes=" + "9" * 30 + "-",
        "bytes=\xb2-\xb3",
    ],
)
def test_range_that_is_ignored(server: Cloche, kept: Kept, asked: str) -> None:
    """Several ranges at once, and what is no range, bring the whole (RFC 9110, section 14.2)."""
    reply = server.get(kept.place, {"Range": asked})

    assert (reply.status, reply.body) == (200, kept.built.content)


@pytest.mark.parametrize("asked", ["bytes=5000-", "bytes=5000-6000", "bytes=-0", "bytes=99999-"])
def test_range_beyond_the_end(server: Cloche, kept: Kept, asked: str) -> None:
    """A range that has no byte is refused with the file's size, and that is not to be kept."""
    reply = server.get(kept.place, {"Range": asked})

    assert reply.status == 416
    assert reply.headers["content-range"] == f"bytes */{SIZE}"
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ('"{sha256}"', 206),
        (' "{sha256}" ', 206),
        ('W/"{sha256}"', 200),
        ('"other"', 200),
        ("{sha256}", 200),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 200),
        ("", 200),
    ],
)
def test_if_range(server: Cloche, kept: Kept, condition: str, status: int) -> None:
    """A resumed download goes on only if it is of the very same bytes."""
    said = condition.format(sha256=kept.built.sha256)
    reply = server.get(kept.place, {"Range": "bytes=10-19", "If-Range": said})

    assert reply.status == status
    assert reply.body == (kept.built.content[10:20] if status == 206 else kept.built.content)


def test_head(server: Cloche, kept: Kept) -> None:
    """HEAD says what GET would, of the whole file, without a byte of it."""
    for said in ({}, {"Range": "bytes=0-9"}):
        reply = server.get(kept.place, said, "HEAD")
        assert (reply.status, reply.body) == (200, b"")
        assert reply.headers["content-length"] == str(SIZE)
        assert reply.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_not_modified(server: Cloche, kept: Kept, method: str) -> None:
    """Who has the file is told so, and keeps its validator."""
    etag = f'"{kept.built.sha256}"'
    for condition in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        reply = server.get(kept.place, {"If-None-Match": condition}, method)
        assert (reply.status, reply.body, reply.headers["etag"]) == (304, b"", etag)
    assert server.get(kept.place, {"If-None-Match": '"other"'}, method).status == 200


def test_metadata(server: Cloche, kept: Kept) -> None:
    """A file's metadata lies beside it, with a validator of its own."""
    reply = server.get(f"{kept.place}.metadata")

    assert (reply.status, reply.body) == (200, kept.built.metadata)
    assert reply.headers["etag"] == f'"{kept.built.metadata_sha256}"'
    part = server.get(f"{kept.place}.metadata", {"Range": "bytes=3-7"})
    assert (part.status, part.body) == (206, kept.built.metadata[3:8])
    assert server.get(f"{kept.place}.metadata", method="HEAD").body == b""


def test_encodings_of_an_address(server: Cloche, kept: Kept) -> None:
    """A `+` may come as it is or encoded; it is decoded once, and never means a blank."""
    raw = kept.place.replace("%2B", "+")

    assert server.get(raw).body == kept.built.content
    assert server.get(kept.place.replace("%2B", "%2b")).body == kept.built.content
    assert server.get(kept.place.replace("%2B", "%252B")).status == 404
    assert server.get(kept.place.replace("%2B", "%20")).status == 404
    assert server.get(raw.replace("fi", "%66i", 1)).body == kept.built.content


def test_never_packed(server: Cloche, kept: Kept) -> None:
    """A file is not encoded on the way, whatever the client would take."""
    reply = server.get(kept.place, {"Accept-Encoding": "gzip, zstd"})

    assert reply.headers["content-encoding"] is None
    assert reply.body == kept.built.content


def test_wrong_place(server: Cloche, token: str, kept: Kept) -> None:
    """A file is at its own address only: index, project, digest and name must all be right."""
    other = wheel("fi-other", "1.0")
    assert upload(server.url, other, token).status == 200
    mine, sha256 = kept.built, kept.built.sha256
    wrong = [
        f"/packages/main/{mine.project}/{'0' * 64}/{mine.filename}",
        f"/packages/main/{mine.project}/{other.sha256}/{mine.filename}",
        f"/packages/main/{mine.project}/{sha256}/{other.filename}",
        f"/packages/main/{other.project}/{sha256}/{mine.filename}",
        f"/packages/main/{other.project}/{other.sha256}/{mine.filename}",
        f"/packages/closed-not/{mine.project}/{sha256}/{mine.filename}",
        f"/packages/main/{mine.project}/{sha256}/{mine.filename}.asc",
        f"/packages/main/{mine.project}/{sha256}/{mine.filename}.metadata.metadata",
        f"/packages/main/{mine.project}/{sha256}/.metadata",
    ]

    assert {place: server.get(place).status for place in wrong} == dict.fromkeys(wrong, 404)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/packages/main/", 404),
        ("/packages/main/a/b", 404),
        ("/packages/main//b/c", 404),
        ("/packages/a/b/c/d/e/f", 404),
        ("/packages/main/acme/nonsense/acme-1.0.zip", 400),
        ("/packages/main/acme/" + "0" * 64 + "/../../x", 404),
        ("/packages/main/acme/" + "0" * 64 + "/%2e%2e%2fx", 404),
        ("/packages/main/acme/" + "A" * 64 + "/acme-1.0.zip", 400),
        ("/packages/main/-/" + "0" * 64 + "/acme-1.0.zip", 400),
    ],
)
def test_no_file_s_address(server: Cloche, path: str, status: int) -> None:
    """What is no file's address says so, and never reaches the disk."""
    reply = server.get(path)

    assert reply.status == status
    assert msgspec.json.decode(reply.body)["detail"]


def test_sdist_before_static_metadata(server: Cloche, token: str) -> None:
    """An sdist whose metadata may still change offers none (PEP 643), and says so."""
    built = sdist("fi-dynamic", "1.0", metadata_version="2.1")
    assert upload(server.url, built, token, metadata_version="2.1").status == 200
    place = f"/packages/main/fi-dynamic/{built.sha256}/{built.filename}"

    assert server.get(place).status == 200
    assert server.get(f"{place}.metadata").status == 404


def test_private_file(server: Cloche, token: str) -> None:
    """A file of a private index is for those who may read it, in ranges and metadata too."""
    built = wheel("fi-private", "1.0")
    assert upload(server.url, built, token, "/closed/legacy/").status == 200
    for index in ("closed", "nested"):
        place = f"/packages/{index}/fi-private/{built.sha256}/{built.filename}"
        for asked in (place, f"{place}.metadata"):
            for said in ({}, {"Range": "bytes=0-1"}, {"If-None-Match": "*"}):
                assert server.get(asked, said).status == 401
                assert server.get(asked, said, "HEAD").status == 401
        reply = server.get(place, basic(token))
        assert reply.body == built.content
        assert reply.headers["cache-control"] == "private, max-age=365000000, immutable"
    assert server.get(f"/packages/main/fi-private/{built.sha256}/{built.filename}").status == 404


def test_old_protocol(server: Cloche, kept: Kept) -> None:
    """An HTTP/1.0 client gets the file, and the end of the connection."""
    reply = ask(server.url, f"GET {kept.place} HTTP/1.0\r\n\r\n")

    assert (reply.status, reply.body) == (200, kept.built.content)


def test_large_file_in_ranges(server: Cloche, upstream: Upstream) -> None:
    """A file larger than any buffer comes whole and in ranges, while it is fetched and after."""
    built = wheel("fi-large", "1.0", size=3 << 20)
    upstream.add(built)
    place = f"/packages/main/fi-large/{built.sha256}/{built.filename}"
    middle = slice(1 << 20, (2 << 20) + 1)

    for _ in range(2):
        part = server.get(place, {"Range": f"bytes={middle.start}-{middle.stop - 1}"})
        assert (part.status, part.body) == (206, built.content[middle])
        assert server.get(place).body == built.content
