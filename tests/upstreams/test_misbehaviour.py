"""Every misbehaviour of the fake upstream, at a page and at a file: bounded, and rightly named."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cloche.core.errors import Error, NoSuchFile, TransferBroken, UpstreamDown, UpstreamLies
from cloche.core.model import Page
from tests.upstream import kinds
from tests.upstream.controller import Upstream
from tests.upstream.misbehaviour import Misbehaviour
from tests.upstreams.samples import DEMO, FILE, NAME, PAGE, QUICK, artifact, fetched, parsed, simple

pytestmark = pytest.mark.anyio

MIB = 1 << 20
LONGEST = 60.0
"""Seconds that no answer may take, with an upstream's patience as in QUICK or PATIENT."""

ME: dict[str, Any] = {"username": "mé", "password": "c:d é"}

MOST = 24 * MIB
"""Bytes of memory that no answer may take, with an upstream's bounds as below."""

PATIENT: dict[str, Any] = {"read_timeout": 20.0, "page_timeout": 40.0}
"""For what does come, which takes a busy machine its time."""

MUTE = (kinds.Slow, kinds.Stalled, kinds.Gated)
"""What an upstream's patience ends at."""

BOUNDS: dict[str, Any] = {**QUICK, "max_page_bytes": MIB, "max_file_bytes": MIB}


@asynccontextmanager
async def frugal() -> AsyncIterator[None]:
    """Fail what takes too long or too much memory, whoever allocates it.

    tracemalloc sees no other than Python, and to stop it beside other threads crashes on 3.11
    (CPython issue 128679).
    """
    Path("/proc/self/clear_refs").write_text("5")  # the most that was resident is what is now
    before = resident()
    async with asyncio.timeout(LONGEST):
        yield
    assert resident() - before < MOST


def resident() -> int:
    """The most bytes of memory that this process has had since the last time it was asked to."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


@dataclass
class Case:
    """A misbehaviour, and what it leads to: an error, or the right page or file."""

    bad: Misbehaviour
    leads_to: type[Error] | tuple[type[Error], ...] | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def bounds(self) -> dict[str, Any]:
        """An upstream's settings: in no hurry, but where it would wait in vain."""
        in_vain = self.leads_to is not None and isinstance(self.bad, MUTE)
        return {**BOUNDS, **({} if in_vain else PATIENT), **self.settings}

    def over(self, url: str) -> type[Error] | tuple[type[Error], ...] | None:
        """What it leads to from there. Redirects of the fake upstream lead to plain HTTP."""
        leaves = isinstance(self.bad, kinds.Redirect) and self.bad.away
        return UpstreamLies if leaves and url.startswith("https:") else self.leads_to

    @property
    def id(self) -> str:
        return repr(self.bad)[:60]


PAGES = [
    Case(kinds.Slow(headers=0.1)),
    Case(kinds.Slow(headers=0.1, per_chunk=0.02, chunk=100)),
    Case(kinds.Slow(headers=60), UpstreamDown),
    Case(kinds.Slow(per_chunk=0.1, chunk=1), UpstreamDown),
    Case(kinds.Stalled(after="request"), UpstreamDown),
    Case(kinds.Stalled(after=10), UpstreamDown),
    Case(kinds.Cut(after="request"), UpstreamDown),
    Case(kinds.Cut(), UpstreamDown),
    Case(kinds.FalseLength(by=10), UpstreamDown),
    Case(kinds.FalseLength(by=-10), (UpstreamDown, UpstreamLies)),
    *(Case(kinds.Status(status=code), UpstreamDown) for code in (400, 401, 403, 407, 416, 429)),
    *(Case(kinds.Status(status=code), UpstreamDown) for code in (500, 502, 503, 504, 599)),
    *(Case(kinds.Status(status=code), UpstreamDown) for code in (201, 204, 206, 304)),
    Case(kinds.Status(status=200), UpstreamLies),
    Case(kinds.Redirect()),
    Case(kinds.Redirect(status=301)),
    Case(kinds.Redirect(status=308)),
    Case(kinds.Redirect(away=True)),
    Case(kinds.Redirect(to=PAGE), UpstreamLies),
    Case(kinds.Redirect(), UpstreamLies, {"max_redirects": 0}),
    Case(kinds.Redirect(), None, {"max_redirects": 1}),
    Case(kinds.Redirect(to="file:///etc/passwd"), UpstreamLies),
    Case(kinds.Redirect(to="ftp://127.0.0.1/simple/demo/"), UpstreamLies),
    Case(kinds.Redirect(to="http://[::1/"), UpstreamLies),
    Case(kinds.Redirect(to=""), UpstreamLies),
    Case(kinds.BasicAuth(**ME), UpstreamDown),
    Case(kinds.BasicAuth(**ME), None, ME),
    Case(kinds.Chunked()),
    Case(kinds.EndlessPage(), UpstreamLies),
    Case(kinds.Endless(), UpstreamLies),
    Case(kinds.Headers(values={"Content-Encoding": "gzip"}), UpstreamDown),
    Case(kinds.Headers(values={"Content-Encoding": "nonsense"})),
    Case(kinds.Headers(values={"Content-Type": "x" * 8000}), UpstreamLies),
    Case(kinds.Headers(values={"X-Long": "x" * 100_000}), UpstreamDown),
    Case(kinds.Headers(values={f"X-{n}": "x" * 7000 for n in range(1000)}), UpstreamDown),
    Case(kinds.Headers(values={"ETag": "x" * 8000, "Set-Cookie": "me=you"})),
    Case(kinds.Gated(gate="never"), UpstreamDown),
    Case(kinds.HtmlOnly()),
    Case(kinds.JsonOnly()),
    Case(kinds.HugePage(files=900)),
    Case(kinds.HugePage(files=2000), UpstreamLies),
    Case(kinds.HugePage(files=20_000), UpstreamLies),
    Case(kinds.Unsorted()),
    Case(kinds.Overwrite(top={"name": "other"}), UpstreamLies),
    Case(kinds.Overwrite(top={"meta": {"api-version": "2.0"}}), UpstreamLies),
    Case(kinds.Overwrite(top={"files": "none"}), UpstreamLies),
    Case(kinds.Nulls()),
    Case(kinds.Nulls(fields=("hashes", "core-metadata", "requires-python"))),
    Case(kinds.WrongTypes(), UpstreamLies),
    Case(kinds.Without(fields=("hashes", "size", "upload-time", "core-metadata", "versions"))),
    Case(kinds.Without(fields=("meta", "name"))),
    Case(kinds.Without(fields=("files",)), UpstreamLies),
    Case(kinds.ShortHashes()),
    Case(kinds.Md5Only()),
    Case(kinds.Evil()),
    Case(kinds.WrongBytes(), UpstreamLies),
    Case(kinds.WrongLength(by=-1), UpstreamLies),
    Case(kinds.Verbatim(content=b""), UpstreamLies),
    Case(kinds.Verbatim(content=b"[" * 100_000), UpstreamLies),
    Case(kinds.Verbatim(content=b"<a>" * 100_000, media_type="text/html"), UpstreamLies),
    Case(kinds.Verbatim(content=b"\xff\xfe" * 1000), UpstreamLies),
    Case(kinds.Verbatim(content=b"\xff\xfe" * 1000, media_type="text/html"), UpstreamLies),
    Case(kinds.InvalidJson(), UpstreamLies),
    Case(kinds.MediaType(value=None), UpstreamLies),
    Case(kinds.MediaType(value="text/plain"), UpstreamLies),
    Case(kinds.RangeIgnored()),
    Case(kinds.EtagChanges()),
    Case(kinds.NoEtag()),
    Case(kinds.WeakEtag()),
    Case(kinds.CacheControl(value=None)),
    Case(kinds.Gzipped()),
    Case(kinds.Gzipped(always=True)),
    Case(kinds.GzipBomb(mebibytes=100), UpstreamLies),
]

FILES = [
    Case(kinds.Slow(headers=0.1, per_chunk=0.02, chunk=40_000)),
    Case(kinds.Slow(headers=60), TransferBroken),
    Case(kinds.Slow(per_chunk=0.1, chunk=1000), TransferBroken, {"file_timeout": 0.5}),
    Case(kinds.Stalled(after="request"), TransferBroken),
    Case(kinds.Stalled(after=10), TransferBroken),
    Case(kinds.Cut(after="request"), TransferBroken),
    Case(kinds.Cut(), TransferBroken),
    Case(kinds.FalseLength(by=10), UpstreamLies),
    Case(kinds.FalseLength(by=MIB), UpstreamLies),
    *(Case(kinds.Status(status=code), TransferBroken) for code in (500, 502, 503, 504)),
    *(Case(kinds.Status(status=code), UpstreamDown) for code in (400, 401, 403, 416, 429, 599)),
    *(Case(kinds.Status(status=code), UpstreamDown) for code in (201, 204, 304)),
    *(Case(kinds.Status(status=code), NoSuchFile) for code in (404, 410)),
    Case(kinds.Status(status=206), UpstreamLies),
    Case(kinds.Redirect()),
    Case(kinds.Redirect(status=307)),
    Case(kinds.Redirect(away=True)),
    Case(kinds.Redirect(to=FILE), UpstreamLies),
    Case(kinds.Redirect(to="file:///etc/passwd"), UpstreamLies),
    Case(kinds.BasicAuth(**ME), UpstreamDown),
    Case(kinds.BasicAuth(username="me", password=""), None, {"username": "me"}),
    Case(kinds.Chunked()),
    Case(kinds.Endless(), UpstreamLies),
    Case(kinds.Headers(values={"Content-Encoding": "gzip"})),
    Case(kinds.Headers(values={"X-Long": "x" * 100_000}), TransferBroken),
    Case(kinds.Gated(gate="never"), TransferBroken),
    Case(kinds.GzipBomb(mebibytes=250), UpstreamLies),
    Case(kinds.WrongLength(by=1), UpstreamLies),
    Case(kinds.RangeIgnored()),
    Case(kinds.EtagChanges()),
    Case(kinds.NoEtag()),
    Case(kinds.WeakEtag()),
    Case(kinds.CacheControl(value=None)),
    Case(kinds.MediaType(value=None)),
]


@pytest.fixture(autouse=True)
def listed(upstream: Upstream) -> None:
    upstream.add(DEMO)


@pytest.fixture(params=["HTTP/1.1", "HTTP/2"])
def url(request: pytest.FixtureRequest, upstream: Upstream) -> str:
    if request.param == "HTTP/1.1":
        return upstream.simple
    front: str = request.getfixturevalue("in_http2")
    return f"{front}/simple/"


def test_every_misbehaviour_is_tried() -> None:
    """A misbehaviour that the fake upstream knows and no case names would be untested."""
    assert {type(case.bad).__name__ for case in PAGES + FILES} == set(kinds.KINDS)


@pytest.mark.parametrize("case", PAGES, ids=lambda case: case.id)
async def test_a_page(upstream: Upstream, url: str, case: Case) -> None:
    """A bad answer is the right page all the same, or the right error, in time and memory."""
    upstream.misbehave(PAGE, case.bad)
    async with simple(upstream, url=url, **case.bounds) as port, frugal():
        leads_to = case.over(url)
        if leads_to is None:
            assert DEMO.filename in names(parsed(await port.page(NAME, None)))
            return
        with pytest.raises(leads_to):
            parsed(await port.page(NAME, None))


@pytest.mark.parametrize("case", FILES, ids=lambda case: case.id)
async def test_a_file(upstream: Upstream, url: str, case: Case) -> None:
    """A bad answer is the right file all the same, or the right error, in time and memory."""
    async with simple(upstream, url=url, **case.bounds) as port, frugal():
        wanted = await artifact(port)
        upstream.misbehave(FILE, case.bad)
        leads_to = case.over(url)
        if leads_to is None:
            assert (await fetched(port, wanted))[1] == DEMO.content
            return
        with pytest.raises(leads_to):
            await fetched(port, wanted)


def names(page: Page) -> list[str]:
    return [file.filename for file in page.files]
