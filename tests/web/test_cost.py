"""What hits cost, counted: neither a time nor a machine's matter, and so a guard against creep."""

import gzip
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from tests.blobs.samples import tells
from tests.packages import wheel
from tests.server import Reply
from tests.web.counting import Count, Counted, counted
from tests.web.forms import upload
from tests.web.talk import Talk
from tests.web.tokens import granted

JSON = "application/vnd.pypi.simple.v1+json"
FILES = 20
NUMBERS = itertools.count(100_000)
MORE = 1.25
"""By how much a request may come to cost more before somebody should look why."""

RECORDED = {
    (3, 11): {
        "a page": Count(384, 19),
        "a page, not modified": Count(384, 19),
        "a page, asked in other bytes": Count(1490, 49),
        "metadata": Count(384, 19),
        "a small file": Count(632, 28),
    },
    (3, 12): {
        "a page": Count(343, 19),
        "a page, not modified": Count(343, 19),
        "a page, asked in other bytes": Count(1359, 49),
        "metadata": Count(343, 19),
        "a small file": Count(575, 30),
    },
    (3, 13): {
        "a page": Count(270, 19),
        "a page, not modified": Count(270, 19),
        "a page, asked in other bytes": Count(1279, 49),
        "metadata": Count(270, 19),
        "a small file": Count(488, 28),
    },
}.get(sys.version_info[:2])
"""Each Python has instructions of its own."""


class Site(NamedTuple):
    """A server with a project, and a connection to it."""

    server: Counted
    talk: Talk
    etag: str
    file: str

    def ask(self, path: str, more: str = "", status: int = 200) -> Reply:
        head = f"Host: x\r\nAccept: {JSON}\r\nAccept-Encoding: gzip\r\n{more}"
        self.talk.send(f"GET {path} HTTP/1.1\r\n{head}\r\n")
        reply = self.talk.reply()
        assert reply.status == status
        return reply


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data: Path = tmp_path_factory.mktemp("cost") / "data"
    with counted(data) as server, Talk(server.url) as talk:
        token = granted(data, "upload")
        for number in range(FILES):
            assert upload(server.url, wheel("acme", f"1.{number}"), token).status == 200
        page = Site(server, talk, "", "").ask("/simple/acme/")
        files = msgspec.json.decode(gzip.decompress(page.body))["files"]
        path = "/" + files[0]["url"].replace("../", "")
        yield Site(server, talk, page.headers["etag"], path)


def asking(site: Site) -> dict[str, Callable[[], Reply]]:
    known = f"If-None-Match: {site.etag}\r\n"
    return {
        "a page": lambda: site.ask("/simple/acme/"),
        "a page, not modified": lambda: site.ask("/simple/acme/", known, 304),
        "a page, asked in other bytes": lambda: site.ask(
            "/simple/acme/", f"X-Number: {next(NUMBERS)}\r\n"
        ),
        "metadata": lambda: site.ask(f"{site.file}.metadata"),
        "a small file": lambda: site.ask(site.file),
    }


@pytest.mark.parametrize("what", RECORDED or ["nothing"])
def test_a_hit_costs_what_it_did(site: Site, what: str, tmp_path: Path) -> None:
    """It takes no more instructions and calls than were recorded, and a quarter."""
    if RECORDED is None:
        pytest.skip("nothing is recorded for this Python")
    if what == "a small file" and not tells(tmp_path):
        pytest.skip("this file system does not tell what it has in memory")
    ask = asking(site)[what]
    for _ in range(3):
        ask()

    took = site.server.least(ask)

    recorded = RECORDED[what]
    assert took.steps <= MORE * recorded.steps, took
    assert took.calls <= MORE * recorded.calls, took
    # What has become much cheaper is recorded anew: else it could become dear again unseen.
    assert took.steps >= recorded.steps / MORE, took


def test_what_is_counted(site: Site) -> None:
    """The count sees what a request makes the server do: a head that is read costs more."""
    repeated = site.server.least(asking(site)["a page"])
    read = site.server.least(asking(site)["a page, asked in other bytes"])

    assert read.steps > 2 * repeated.steps > 0
    assert read.calls > 2 * repeated.calls > 0
