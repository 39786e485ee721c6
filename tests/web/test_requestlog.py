"""One line a request, which no client can forge."""

import asyncio
import io
import re
from contextlib import suppress
from pathlib import Path
from select import PIPE_BUF
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from cloche.web.requestlog import MOST, Entry, Facts, RequestLog, kind_of
from tests.server import Cloche
from tests.waiting import until

TEXT = re.compile(
    r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (\d{3}) (\w+) (\S+) (\d+)B [\d.]+ms (\S+) "(.*)"'
)


def entry(**facts: Any) -> Entry:
    said = {
        "status": 200,
        "method": "GET",
        "path": "/simple/acme/",
        "client": "127.0.0.1",
        "agent": "pip/26.3",
        "bytes": 456,
        "kind": "simple",
    }
    return 1_700_000_000.5, 0.0123, Facts(**{**said, **facts})


def written(*entries: Entry, as_json: bool = False) -> str:
    """What the log writes about these requests."""
    out = io.StringIO()

    async def run() -> None:
        log = RequestLog(as_json=as_json, out=out)
        for each in entries:
            log.add(*each)
        assert out.getvalue() == ""  # gathered, for a line of its own would cost too much
        log.flush()

    asyncio.run(run())
    return out.getvalue()


def test_text() -> None:
    """A line tells when, what came of it, what was asked, how much, how long, and who asked."""
    assert written(entry()) == (
        '2023-11-14T22:13:20.500Z 200 GET /simple/acme/ 456B 12.3ms 127.0.0.1 "pip/26.3"\n'
    )


def test_json() -> None:
    """On demand the line is an object of the same facts."""
    assert msgspec.json.decode(written(entry(), as_json=True)) == {
        "at": "2023-11-14T22:13:20.500Z",
        "event": "request",
        "status": 200,
        "method": "GET",
        "path": "/simple/acme/",
        "client": "127.0.0.1",
        "agent": "pip/26.3",
        "ms": 12.3,
        "bytes": 456,
    }


def test_a_line_each() -> None:
    """Many requests make as many lines, in their order."""
    entries = [entry(status=200 + number) for number in range(50)]
    lines = written(*entries).splitlines()

    assert [line.split(" ")[1] for line in lines] == [str(200 + n) for n in range(50)]


def test_flushed_by_itself() -> None:
    """What has gathered is written after a moment, whether more comes or not."""
    out = io.StringIO()

    async def run() -> None:
        RequestLog(as_json=False, out=out).add(*entry())
        async with asyncio.timeout(60):
            while not out.getvalue():  # noqa: ASYNC110 - a stream sets no Event
                await asyncio.sleep(0.01)

    asyncio.run(run())
    assert out.getvalue().count("\n") == 1


def test_few_are_gathered() -> None:
    """However many come at once, no more than so many are kept from the log."""
    out = io.StringIO()

    async def run() -> None:
        log = RequestLog(as_json=False, out=out)
        for _ in range(MOST):
            log.add(*entry())
        assert out.getvalue().count("\n") == MOST

    asyncio.run(run())


def counts() -> tuple[float, float]:
    """Requests that were counted, and lines that could not be written."""
    return sum_of("cloche_requests_total"), sum_of("cloche_log_dropped_total")


def test_lines_of_workers_stay_whole() -> None:
    """What is written at once is whole lines, and no more than a pipe takes in one piece."""
    pieces: list[str] = []

    class Out(io.StringIO):
        def flush(self) -> None:
            pieces.append(self.getvalue())
            self.seek(0)
            self.truncate()

    async def run() -> None:
        log = RequestLog(as_json=True, out=Out())
        for number in range(MOST):
            log.add(*entry(agent="\x85" * number))

    asyncio.run(run())
    assert sum(piece.count("\n") for piece in pieces) == MOST
    assert all(piece.isascii() and piece.endswith("\n") for piece in pieces)
    assert max(map(len, pieces)) <= PIPE_BUF


def sum_of(name: str) -> float:
    return sum(
        each.value for metric in REGISTRY.collect() for each in metric.samples if each.name == name
    )


def test_a_full_log_stops_nobody() -> None:
    """Requests whose lines cannot be written are answered and counted, and those lines as well."""
    before = counts()

    async def run() -> None:
        with Path("/dev/full").open("w") as out:
            log = RequestLog(as_json=False, out=out)
            for _ in range(MOST):
                log.add(*entry())
            with suppress(OSError):  # what Python has kept back cannot be written either
                out.close()

    asyncio.run(run())
    assert [after - old for old, after in zip(before, counts(), strict=True)] == [MOST, MOST]


agents = st.binary(max_size=300).map(lambda raw: raw.decode("latin-1")) | st.text()


@given(agents)
def test_agent_cannot_forge_lines(agent: str) -> None:
    """Whatever a client calls itself, that is one line, and its quotes are where they belong."""
    text = written(entry(agent=agent))
    found = TEXT.fullmatch(text.removesuffix("\n"))

    assert text.splitlines() == [text.removesuffix("\n")]
    assert text[:-1].isprintable()
    assert found
    assert '"' not in found[6]
    line = written(entry(agent=agent), as_json=True)
    assert line[:-1].isprintable()
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize("as_json", [False, True])
def test_a_forwarded_address_is_no_command(as_json: bool) -> None:  # noqa: FBT001 - a table's column
    """What somebody in a trusted network says he is steers no terminal, and is cut."""
    text = written(entry(client="\x9b31m\u2028" + "a" * 5000), as_json=as_json)

    assert text[:-1].isascii()
    assert text[:-1].isprintable()
    assert len(text) < 700


@pytest.mark.parametrize("as_json", [False, True])
def test_long_words_are_cut(as_json: bool) -> None:  # noqa: FBT001 - a table's column
    """What a client sends is kept to a length that a log can bear."""
    assert len(written(entry(agent="a" * 5000, path="/" + "b" * 5000), as_json=as_json)) < 700


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/simple/x/", "simple"),
        ("/main/simple/x/", "simple"),
        ("/team/dev/simple/x/", "simple"),
        ("/packages/main/x/y/z", "packages"),
        ("/-/health", "-"),
        ("/legacy/", "legacy"),
        ("/", "other"),
        ("/nosuch", "other"),
        ("/a/b/c/simple/", "other"),
    ],
)
def test_kinds(path: str, kind: str) -> None:
    """The kinds of address are few, whatever is asked."""
    assert kind_of(path) == kind


def lines(server: Cloche, path: str) -> list[dict[str, Any]]:
    """The lines about requests to this path, which come a moment later."""
    found: list[dict[str, Any]] = []

    def come() -> bool:
        found[:] = [msgspec.json.decode(line) for line in server.log.splitlines() if path in line]
        return bool(found)

    until(come)
    return found


def test_one_line_of_the_real_server(server: Cloche) -> None:
    """Each request leaves one line, from whichever layer its answer came."""
    for path, status in [("/simple/rl-1/", 404), ("/rl-2", 404), ("/simple/rl-3", 301)]:
        reply = server.get(path, {"User-Agent": 'odd "agent" \x85 \x9b31m'})
        [line] = lines(server, f'"{path}"')
        assert (line["status"], line["bytes"]) == (status, len(reply.body))
        assert (line["event"], line["client"]) == ("request", "127.0.0.1")
        assert line["agent"] == 'odd "agent" \\x85 \\x9b31m'


def test_hits_are_logged_too(server: Cloche) -> None:
    """An answer that was there already leaves a line like any other."""
    for _ in range(5):
        server.get("/simple/rl-hits/")

    until(lambda: len(lines(server, '"/simple/rl-hits/"')) == 5)
