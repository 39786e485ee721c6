"""What is asked again in the same bytes is answered as if it had been read anew."""

import inspect
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from cloche.web.protocol import ASKED, Protocol, Repeat
from tests.packages import wheel
from tests.server import Cloche
from tests.waiting import until
from tests.web.forms import upload
from tests.web.talk import Talk
from tests.web.tokens import basic, granted, revoke

PAGE = b"GET /simple/rp-page/ HTTP/1.1\r\nHost: x\r\n\r\n"
ENDS = b"127.0.0.9 ('127.0.0.1', 8080) "
NOWHERE = b"GET /simple/rp-nowhere/ HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module", autouse=True)
def _uploaded(server: Cloche, token: str) -> None:
    assert upload(server.url, wheel("rp-page", "1.0"), token).status == 200
    with Talk(server.url) as talk:
        for _ in range(3):
            talk.send(PAGE)
            assert talk.reply().status == 200


# Through a server -----------------------------------------------------------------------------


def test_a_revoked_token_ends_at_once(server: Cloche, token: str) -> None:
    """A request that was answered a moment ago is refused once its token is revoked."""
    assert upload(server.url, wheel("rp-closed", "1.0"), token, "/closed/legacy/").status == 200
    secret = granted(server.data, "read", index="closed", name="tester")
    [authorization] = basic(secret).values()
    request = (
        "GET /closed/simple/rp-closed/ HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: {authorization}\r\n\r\n"
    )
    with Talk(server.url) as talk:
        for _ in range(5):
            talk.send(request)
            assert talk.reply().status == 200
        revoke(server.data, secret)
        talk.send(request)
        assert talk.reply().status == 401


def test_no_head_is_answered_for_two(server: Cloche) -> None:
    """Two requests that come in one packet get two answers, however often they come."""
    with Talk(server.url) as talk:
        for _ in range(4):
            talk.send(PAGE + PAGE)
            assert [talk.reply().status, talk.reply().status] == [200, 200]
            talk.send(PAGE + NOWHERE)
            assert [talk.reply().status, talk.reply().status] == [200, 404]


def test_a_head_in_pieces(server: Cloche) -> None:
    """A request whose end comes alone, or looks like a whole one, is read as what it is."""
    with Talk(server.url) as talk:
        for at in (4, 20, len(PAGE) - 4, len(PAGE) - 1):
            talk.send(PAGE[:at])
            talk.send(PAGE[at:])
            assert talk.reply().status == 200
        talk.send(b"GET /simple/rp-nowhere/ HTTP/1.1\r\nX-Odd: a")
        talk.send(PAGE)  # ends the line that was begun, and the head
        assert talk.reply().status == 404


def test_a_body_belongs_to_its_request(server: Cloche) -> None:
    """What follows a head that announces a body is that body, also the next time."""
    head = b"GET /simple/rp-page/ HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(NOWHERE)
    with Talk(server.url) as talk:
        for _ in range(3):
            talk.send(head)
            talk.send(NOWHERE)
            assert talk.reply().status == 200
        talk.send(PAGE)
        assert talk.reply().status == 200


def test_each_client_is_logged_as_itself(server: Cloche) -> None:
    """The line of a request says who sent it, also where another sent the same before."""
    request = b"GET /simple/rp-page/ HTTP/1.1\r\nHost: x\r\nUser-Agent: rp-who\r\n\r\n"
    port = int(server.url.rsplit(":", 1)[1])
    for address in ("127.0.0.1", "127.0.0.2", "127.0.0.1"):
        with socket.create_connection(("127.0.0.1", port), source_address=(address, 0)) as one:
            for _ in range(2):
                one.sendall(request)
                assert one.recv(1 << 16).startswith(b"HTTP/1.1 200 OK")

    def named() -> list[str]:
        lines = [line for line in server.log.splitlines() if '"rp-who"' in line]
        return [msgspec.json.decode(line)["client"] for line in lines]

    until(lambda: len(named()) == 6)
    assert named() == ["127.0.0.1"] * 2 + ["127.0.0.2"] * 2 + ["127.0.0.1"] * 2


def test_repeats_are_counted(server: Cloche) -> None:
    """The metrics count every answer, also those whose request was not read."""

    def counted() -> float:
        lines = server.get("/-/metrics").body.decode().splitlines()
        said = 'cloche_requests_total{kind="simple",status="200"} '
        return next(float(line.removeprefix(said)) for line in lines if line.startswith(said))

    before = counted()
    with Talk(server.url) as talk:
        for _ in range(50):
            talk.send(PAGE)
            assert talk.reply().status == 200
    until(lambda: counted() >= before + 50)


def test_not_modified_is_repeated(server: Cloche, token: str) -> None:
    """A client that has the page hears so each time, and of another page at once."""
    with Talk(server.url) as talk:
        talk.send(PAGE)
        etag = talk.reply().headers["etag"]
        request = f"GET /simple/rp-page/ HTTP/1.1\r\nHost: x\r\nIf-None-Match: {etag}\r\n\r\n"
        for _ in range(4):
            talk.send(request)
            reply = talk.reply()
            assert (reply.status, reply.headers["etag"], reply.body) == (304, etag, b"")
        assert upload(server.url, wheel("rp-page", "2.0"), token).status == 200
        talk.send(request)
        assert talk.reply().status == 200


# The protocol by itself -----------------------------------------------------------------------


@dataclass
class Given:
    status: int = 200
    head: bytes = b"content-length: 2\r\n"
    body: bytes = b"ok"


@dataclass
class Front:
    """An application that knows what was asked before, and never gets to see it."""

    known: dict[bytes, Given] = field(default_factory=dict)
    noted: int = 0

    async def __call__(self, _scope: object, _receive: object, _send: object) -> None:
        raise AssertionError

    @property
    def repeats(self) -> "Front":
        return self

    def find(self, asked: bytes) -> Repeat | None:
        return self.known.get(asked)

    def answered(self, repeat: Repeat, began: float) -> None:
        assert repeat is not None
        assert began
        self.noted += 1


@dataclass(eq=False)
class Clock:
    """As much of an event loop as a connection asks for: a clock, and calls to come."""

    now: float = 100.0
    due: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    begun: list[dict[str, Any]] = field(default_factory=list)

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Callable[[], None]) -> object:
        self.due.append((self.now + seconds, call))
        return object()

    def create_task(self, running: Any) -> "Clock":
        """Keep the scope of a request that would be answered now."""
        self.begun.append(inspect.getcoroutinelocals(running)["self"].scope)
        running.close()
        return self

    def add_done_callback(self, _: object) -> None: ...

    def pass_on(self, seconds: float) -> None:
        self.now += seconds
        for each in [one for one in self.due if one[0] <= self.now]:
            self.due.remove(each)
            each[1]()


@dataclass
class Wire:
    """A transport that keeps what is written."""

    here: str = "127.0.0.1"
    written: bytes = b""
    closed: bool = False

    def get_extra_info(self, name: str) -> Any:
        return {"peername": ("127.0.0.9", 1), "sockname": (self.here, 8080)}.get(name)

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


def connected(front: Front, clock: Clock, here: str = "127.0.0.1") -> tuple[Protocol, Wire]:
    config = Config(cast("Any", front), interface="asgi3", timeout_keep_alive=10, log_config=None)
    wire = Wire(here)
    protocol = Protocol(config, ServerState(), {}, cast("Any", clock))
    protocol.connection_made(cast("Any", wire))
    return protocol, wire


def test_what_is_known_is_not_read() -> None:
    """What this client has asked before is answered in one go, and noted."""
    front = Front({ENDS + PAGE: Given()})
    protocol, wire = connected(front, Clock())

    protocol.data_received(PAGE)

    assert wire.written == b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    assert front.noted == 1


def test_each_address_of_the_server_is_its_own() -> None:
    """What was asked at one address says nothing of another: an answer may name where it was."""
    front, clock = Front({ENDS + PAGE: Given()}), Clock()
    protocol, wire = connected(front, clock, here="127.0.0.2")

    protocol.data_received(PAGE)

    assert (wire.written, len(clock.begun)) == (b"", 1)


def test_a_slow_reader_is_not_written_to() -> None:
    """While a client does not read what it was sent, nothing is added to that."""
    front = Front({ENDS + PAGE: Given()})
    clock = Clock()
    protocol, wire = connected(front, clock)
    protocol.flow.write_paused = True

    protocol.data_received(PAGE)

    assert (wire.written, len(clock.begun)) == (b"", 1)  # it goes the ordinary way, which waits


def test_a_connection_in_use_is_kept() -> None:
    """A connection ends when nothing was asked for the time of grace, and not before."""
    front, clock = Front({ENDS + PAGE: Given()}), Clock()
    protocol, wire = connected(front, clock)

    for _ in range(5):
        protocol.data_received(PAGE)
        clock.pass_on(7)
        assert not wire.closed
    clock.pass_on(4)
    assert wire.closed
    assert len(clock.due) == 0


def test_what_is_learned() -> None:
    """The scope tells what was asked where that can come again: whole, alone, and to go on."""
    clock = Clock()
    old = b"GET / HTTP/1.0\r\n\r\n"
    ends = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    body = b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"
    for data in (PAGE, PAGE + PAGE, PAGE[:-2], old, ends, body, body + b"ok"):
        protocol, _ = connected(Front(), clock)
        protocol.data_received(data)
        if data == PAGE[:-2]:
            protocol.data_received(PAGE[-2:])

    asked = [scope.get(ASKED) for scope in clock.begun]
    assert asked == [ENDS + PAGE, *[None] * 6]


def test_pages_as_clients_read_them(server: Cloche) -> None:
    """A repeat is a whole answer, down to its date."""
    with Talk(server.url) as talk:
        for _ in range(3):
            talk.send(PAGE.replace(b"Host", b"Accept: application/vnd.pypi.simple.v1+json\r\nHost"))
            reply = talk.reply()
            assert reply.headers["date"]
            assert msgspec.json.decode(reply.body)["name"] == "rp-page"
