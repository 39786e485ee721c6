"""Metadata that is at hand: answered without a look at the store, and never past what holds."""

from pathlib import Path

import msgspec
import pytest

from tests.packages import Built, wheel
from tests.server import Cloche
from tests.web.api.managing import Manager, place
from tests.web.forms import upload
from tests.web.talk import ask
from tests.web.tokens import basic, granted, revoke

JSON = "application/vnd.pypi.simple.v1+json"


def path_of(built: Built, index: str = "main") -> str:
    return f"/packages/{index}/{built.project}/{built.sha256}/{built.filename}.metadata"


@pytest.fixture
def admin(server: Cloche) -> Manager:
    return Manager(server, granted(server.data, "admin", index="*"))


@pytest.fixture
def known(server: Cloche, token: str, request: pytest.FixtureRequest) -> Built:
    """Uploaded, and asked for until it is at hand."""
    built = wheel(f"mh-{request.node.name.replace('[', '-').replace(']', '')}".lower(), "1.0")
    assert upload(server.url, built, token).status == 200
    for _ in range(3):
        assert server.get(path_of(built)).body == built.metadata
    return built


def blob(data: Path, digest: str) -> Path:
    return data / "blobs" / "sha256" / digest[:2] / digest


def test_no_store_is_asked(server: Cloche, known: Built) -> None:
    """What is at hand is answered though its bytes have left the disk; what is not is missed."""
    place = blob(server.data, known.metadata_sha256)
    place.rename(place.with_name("away"))
    try:
        assert server.get(path_of(known)).body == known.metadata
        assert server.get(path_of(known), {"Range": "bytes=0-3"}).status == 404
    finally:
        place.with_name("away").rename(place)


@pytest.mark.parametrize("lines", [(), ("If-None-Match: *",), ('If-None-Match: "a"',)])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_hit_and_miss_say_the_same(
    server: Cloche, token: str, method: str, lines: tuple[str, ...]
) -> None:
    """The later answers are like the first, that is worked out, header by header."""
    built = wheel("mh-same", f"{['GET', 'HEAD'].index(method)}.{len(repr(lines))}")
    assert upload(server.url, built, token).status == 200
    head = "\r\n".join(["Host: x", *lines, "", ""])

    def facts(path: str) -> tuple[object, ...]:
        reply = ask(server.url, f"{method} {path} HTTP/1.1\r\n{head}", method)
        said = sorted((k.lower(), v) for k, v in reply.headers.items() if k.lower() != "date")
        return reply.status, said, reply.body

    spelled = path_of(built).replace("mh-same", "mh-s%61me", 1)
    first = facts(spelled)
    server.get(path_of(built))
    assert [facts(path_of(built)) for _ in range(3)] == [first] * 3


def test_a_range_is_a_range(server: Cloche, known: Built) -> None:
    """Part of it is given to who asks for a part."""
    reply = server.get(path_of(known), {"Range": "bytes=2-5"})

    assert (reply.status, reply.body) == (206, known.metadata[2:6])


def test_another_key_is_another_file(server: Cloche, known: Built) -> None:
    """The same name under another digest is not there."""
    other = path_of(known).replace(known.sha256, "0" * 64)

    assert server.get(other).status == 404


@pytest.mark.parametrize(("status", "answer"), [("quarantined", 403), ("archived", 200)])
def test_a_status_counts_at_once(
    server: Cloche, admin: Manager, known: Built, status: str, answer: int
) -> None:
    """A quarantined project's metadata is refused from then on."""
    admin.do("PUT", place(known.project, "status"), {"status": status})

    assert server.get(path_of(known)).status == answer


def test_what_is_deleted_is_gone_at_once(server: Cloche, admin: Manager, known: Built) -> None:
    """The metadata of a deleted file is served no more."""
    admin.do("DELETE", place(known.project, f"files/{known.filename}"))

    assert server.get(path_of(known)).status == 404


def test_a_revoked_token_ends_it(server: Cloche, token: str) -> None:
    """Whose token is revoked has it no longer, and who has none never had."""
    built = wheel("mh-closed", "1.0")
    assert upload(server.url, built, token, "/closed/legacy/").status == 200
    reader = granted(server.data, "read", index="closed")
    path = path_of(built, "closed")
    for _ in range(4):
        assert server.get(path, basic(reader)).body == built.metadata
    assert server.get(path).status == 401

    revoke(server.data, reader)

    assert server.get(path, basic(reader)).status == 401


def test_it_is_told_with_each_page(server: Cloche, known: Built) -> None:
    """Another upload of the project changes nothing about it."""
    page = msgspec.json.decode(server.get(f"/simple/{known.project}/", {"Accept": JSON}).body)

    assert page["files"][0]["core-metadata"] == {"sha256": known.metadata_sha256}
    assert server.get(path_of(known)).headers["etag"] == f'"{known.metadata_sha256}"'
