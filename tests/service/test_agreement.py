"""Page, file and metadata agree, whatever rules of every kind an index and its source have."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cloche.core.errors import Denied
from cloche.core.index import Index
from cloche.core.model import File, Page
from cloche.core.negotiation import Format
from cloche.core.policy import Clause, Effect, settled
from cloche.core.wire import render_page
from cloche.ports import Document
from cloche.service.fetch import Fetch
from cloche.service.files import Files
from cloche.service.shelf import Shelf
from cloche.service.upstream import CachedUpstream
from cloche.service.view import View
from cloche.service.within import Within
from cloche.spool import Spool
from tests.fakes import FakeBlobs, FakeFindings, FakeJournal, FakeLedger, FakePages, FakeUpstream
from tests.rules.samples import DEMO, FILES, NOW, SETTINGS, clause, every_kind

CLAUSES = [clause(kind, **each) for kind in every_kind() for each in SETTINGS[kind]]
SOME_CLAUSES = st.lists(
    st.builds(
        lambda one, effect: replace(one, effect=effect),
        st.sampled_from(CLAUSES),
        st.sampled_from(Effect),
    ),
    max_size=3,
)
SOME_FILES = st.lists(FILES, min_size=1, max_size=8, unique_by=lambda file: file.filename).map(
    lambda files: [replace(each, first_seen=None, watched_since=None) for each in files]
)
METADATA = ".metadata"


@given(files=SOME_FILES, outer=SOME_CLAUSES, inner=SOME_CLAUSES, more=SOME_CLAUSES)
@settings(deadline=None, max_examples=100)
def test_all_agree(
    files: list[File], outer: list[Clause], inner: list[Clause], more: list[Clause]
) -> None:
    """What is listed is served, what is denied is not, and of what is hidden the address works.

    Behind a source, and under more rules, there is never more of anything.
    """
    indexes = {
        "team": Index(name="team", sources=("pypi",), clauses=tuple(inner)),
        "main": Index(name="main", sources=("team",), clauses=tuple(outer)),
        "strict": Index(name="strict", sources=("team",), clauses=(*outer, *more)),
    }
    with TemporaryDirectory() as folder:
        asyncio.run(_agree(files, indexes, Path(folder)))


async def _agree(listed: list[File], indexes: dict[str, Index], folder: Path) -> None:
    files = _made(listed, indexes, folder)
    seen = {index: await _seen(files, index, listed) for index in indexes}
    for (some, served), (all_, all_served) in (
        (seen["main"], seen["team"]),
        (seen["strict"], seen["main"]),
    ):
        assert some <= all_
        assert served <= all_served


async def _seen(files: Files, index: str, every: list[File]) -> tuple[set[str], set[str]]:
    """What the index lists and what it serves, each of which must be as the other says."""
    served = {each.filename for each in every if await _serves(files, index, each)}
    try:
        sight = (await files.shelf.get(index, DEMO)).sight
    except Denied:  # by its name
        assert not served
        return set(), served
    listed = {file.filename for file in sight.page.files}
    for file in sight.offered.files:
        name = file.filename
        ruling = settled(sight.rulings.get(name, ()))
        assert (name in listed) is (ruling is None)
        assert (name in served) is (ruling is None or ruling.effect is Effect.HIDE)
        if file.core_metadata:
            assert (name in served) is await _serves(files, index, file, METADATA)
    assert listed <= served
    return listed, served


async def _serves(files: Files, index: str, file: File, beside: str = "") -> bool:
    try:
        await files.find(index, DEMO, file.key, file.filename + beside)
    except Denied:
        return False
    return True


def _made(listed: list[File], indexes: dict[str, Index], folder: Path) -> Files:
    journal = FakeJournal()
    ledger, pages, blobs = FakeLedger(journal), FakePages(journal), FakeBlobs()
    body = render_page(Page(name=DEMO, files=tuple(listed)), Format.JSON, "../../files/")
    upstream = FakeUpstream()
    upstream.pages[DEMO] = Document(
        body=body, content_type=Format.JSON, url="https://x.test/simple/demo/"
    )
    spool = Spool(folder)
    remote = {"pypi": upstream}
    cached = {
        name: CachedUpstream(
            each, pages, FakeFindings(pages), spool, lambda: NOW, max_files=100, watched=True
        )
        for name, each in remote.items()
    }
    view = View(indexes, cached, ledger, pages, lambda: NOW)
    shelf = Shelf(view, ledger, journal, lambda: NOW)
    fetch = Fetch(blobs, pages, spool, remote, lambda: NOW)
    return Files(view, shelf, fetch, Within(fetch, remote, spool), blobs)
