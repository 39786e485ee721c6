"""Distributions that are answered at the edge: as the application would, and never past it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import IncompleteRead
from pathlib import Path

import pytest
from starlette.types import Message

from cloche.ports import Opened
from cloche.service.shelf import Rendered, Sent
from cloche.web.sending import AT_ONCE, LARGE, Sending
from tests.fakes import FakeBlobs
from tests.packages import Built, wheel
from tests.server import Cloche, Reply
from tests.upstream.controller import Upstream
from tests.waiting import until
from tests.web.api.managing import Manager, place
from tests.web.forms import upload
from tests.web.talk import Talk
from tests.web.test_accesslog import journal
from tests.web.tokens import basic, granted, revoke

SIZES = {"few": 5_000, "many": AT_ONCE + 1}
TIMES = 4  # the first is worked out, the second a hit, the others are repeats of it


def path_of(built: Built, index: str = "main") -> str:
    return f"/packages/{index}/{built.project}/{built.sha256}/{built.filename}"


def blob(server: Cloche, built: Built) -> Path:
    return server.data / "blobs" / "sha256" / built.sha256[:2] / built.sha256


@pytest.fixture(params=[*SIZES.values()], ids=[*SIZES])
def built(request: pytest.FixtureRequest) -> Built:
    name = re.sub(r"\W+", "-", request.node.name).strip("-")
    return wheel(f"se-{name}", "1.0", size=request.param)


@pytest.fixture
def hosted(server: Cloche, token: str, built: Built) -> Built:
    assert upload(server.url, built, token).status == 200
    return built


@pytest.fixture
def talk(server: Cloche) -> Iterator[Talk]:
    with Talk(server.url) as talk:
        yield talk


@pytest.fixture
def admin(server: Cloche) -> Manager:
    return Manager(server, granted(server.data, "admin", index="*"))


def ask(talk: Talk, path: str, *lines: str, method: str = "GET") -> Reply:
    talk.send("\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *lines, "", ""]))
    return talk.reply(method)


def known(talk: Talk, built: Built) -> Built:
    """Asked for until it is a hit."""
    for _ in range(TIMES):
        assert ask(talk, path_of(built)).body == built.content
    return built


@pytest.mark.parametrize("lines", [(), ("If-None-Match: *",), ('If-None-Match: "a"',)])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_hit_and_miss_say_the_same(
    talk: Talk, hosted: Built, method: str, lines: tuple[str, ...]
) -> None:
    """The later answers are like the first, that is worked out, header by header."""

    def facts(path: str) -> tuple[object, ...]:
        reply = ask(talk, path, *lines, method=method)
        said = sorted((k.lower(), v) for k, v in reply.headers.items() if k.lower() != "date")
        return reply.status, said, reply.body

    first = facts(path_of(hosted).replace("main/se-", "main/s%65-", 1))
    known(talk, hosted)
    assert [facts(path_of(hosted)) for _ in range(3)] == [first] * 3


def test_a_range_is_a_range(talk: Talk, hosted: Built) -> None:
    """Part of it is given to who asks for a part."""
    reply = ask(talk, path_of(known(talk, hosted)), "Range: bytes=2-5")

    assert (reply.status, reply.body) == (206, hosted.content[2:6])


@pytest.mark.parametrize("built", [*SIZES.values(), LARGE + 1], indirect=True)
@pytest.mark.parametrize("harm", ["gone", "short"])
def test_what_has_left_the_disk_is_fetched_again(
    server: Cloche, upstream: Upstream, talk: Talk, built: Built, harm: str
) -> None:
    """A file that was evicted, or lost bytes, comes from its upstream once more."""
    upstream.add(built)
    known(talk, built)

    def comes_again() -> bool:  # not at once, where the first transfer has not quite ended
        until(blob(server, built).exists)
        if harm == "gone":
            blob(server, built).unlink()
        else:
            with blob(server, built).open("r+b") as file:
                file.truncate(len(built.content) - 1)
        try:
            with Talk(server.url) as another:
                assert ask(another, path_of(built)).body == built.content
        except IncompleteRead:  # it was the first transfer's file still: nobody has half of it
            return False
        return len(upstream.requests(upstream.file(built))) > 1

    until(comes_again)


def test_a_quarantine_counts_at_once(admin: Manager, talk: Talk, hosted: Built) -> None:
    """A quarantined project's files are refused from then on."""
    known(talk, hosted)
    admin.do("PUT", place(hosted.project, "status"), {"status": "quarantined"})

    assert ask(talk, path_of(hosted)).status == 403


def test_what_is_deleted_is_gone_at_once(admin: Manager, talk: Talk, hosted: Built) -> None:
    """A deleted file is served no more, though its blob is there until it is swept."""
    known(talk, hosted)
    admin.do("DELETE", place(hosted.project, f"files/{hosted.filename}"))

    assert ask(talk, path_of(hosted)).status == 404


def test_a_revoked_token_ends_it(server: Cloche, token: str, talk: Talk, built: Built) -> None:
    """Whose token is revoked has it no longer, and who has none never had."""
    assert upload(server.url, built, token, "/closed/legacy/").status == 200
    reader = granted(server.data, "read", index="closed")
    path, line = path_of(built, "closed"), f"Authorization: {basic(reader)['Authorization']}"
    for _ in range(TIMES):
        assert ask(talk, path, line).body == built.content
    assert ask(talk, path).status == 401

    revoke(server.data, reader)

    assert ask(talk, path, line).status == 401


def test_each_fetch_is_journaled(server: Cloche, token: str, talk: Talk, built: Built) -> None:
    """The access journal, by which the cache is kept small, has each with its reader."""
    assert upload(server.url, built, token, "/closed/legacy/").status == 200
    reader = granted(server.data, "read", index="closed", name="ada")
    line = f"Authorization: {basic(reader)['Authorization']}"

    def noted() -> list[str | None]:
        return [each.who for each in journal(server.data) if each.filename == built.filename]

    for number in range(TIMES):
        assert ask(talk, path_of(built, "closed"), line).status == 200
        until(lambda number=number: len(noted()) == number + 1)  # type: ignore[misc]
    assert noted() == ["ada"] * TIMES


@dataclass
class Partly(Opened):
    """A blob of which so many bytes are in memory."""

    content: bytes
    there: int
    closed: bool = False

    def fill(self, buffer: bytearray | memoryview, start: int) -> int:
        data = self.content[start : min(self.there, start + len(buffer))]
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self.closed = True


class Client:
    """Takes messages as a server does."""

    def __init__(self) -> None:
        self.body = b""
        self.ended = False

    async def send(self, message: Message) -> None:
        self.body += bytes(message.get("body", b""))
        self.ended = message["type"].endswith("body") and not message["more_body"]


async def poured(blobs: FakeBlobs, content: bytes, there: int) -> tuple[Client, Partly, int]:
    client, part = Client(), Partly(content, there)
    sent = Sent(None, "a.whl", FakeBlobs().add(content), len(content))
    rendered = Rendered(b"", b"", (), b"", sent=sent)
    size = await Sending(blobs, None).pour(part, sent, rendered, {}, client.send)
    return client, part, size


@pytest.mark.anyio
@pytest.mark.parametrize("there", [0, 1, LARGE, LARGE + 1, 3 * LARGE])
async def test_what_is_not_in_memory_is_waited_for(there: int) -> None:
    """However much of it the kernel has in memory, the client has all of it, once."""
    content = bytes(range(251)) * (3 * LARGE // 251) + b"end"
    blobs = FakeBlobs()
    blobs.add(content)

    client, part, size = await poured(blobs, content, there)

    assert client.body == content
    assert (client.ended, part.closed, size) == (True, True, len(content))


@pytest.mark.anyio
async def test_who_cannot_have_all_is_cut_off() -> None:
    """Where the rest has gone meanwhile the answer has no end: the server hangs up."""
    client, part, size = await poured(FakeBlobs(), b"a" * (LARGE + 5), LARGE)

    assert (client.ended, part.closed, size) == (False, True, LARGE)
