"""Kept files that their upstream has taken back: by its policy they stay, are hidden or denied."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from cloche.catalog.schema import journal
from cloche.core.errors import Denied, Forbidden, NoSuchFile, NoSuchProject
from cloche.core.model import Digest, FileKey, Held, ProjectName
from cloche.core.upstreams import Policy
from cloche.service.kept import KeptUpstream
from tests.packages import Built, wheel
from tests.service.worker import PATIENT, Clock, Employ, Options, Worker, everything, until
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

NAME = ProjectName("demo")
OLD, NEW = wheel("demo", "1.0"), wheel("demo", "2.0")
QUARANTINED = {"status": "quarantined", "reason": "stolen account"}
KEEP, HIDE, DENY = (Policy(deleted=each) for each in ("keep", "hide", "deny"))


@pytest.fixture(autouse=True)
def listed(upstream: Upstream) -> None:
    upstream.add(OLD)
    upstream.add(NEW)


async def caching(employ: Employ, clock: Clock, policy: Policy) -> Worker:
    """A worker that has fetched the old file, and not the new one."""
    node = await employ(Options(clock=clock, recall=policy, freshness=PATIENT))
    assert await read(node) == OLD.content
    await until(lambda: _is_recorded(node))
    return node


async def _is_recorded(node: Worker) -> bool:
    """A file may be sent a moment before it is recorded as kept."""
    held = await node.catalog.pages.held("pypi", FileKey(OLD.sha256), OLD.filename)
    return held is not None


async def read(node: Worker, built: Built = OLD, beside: str = "") -> bytes:
    key = FileKey(built.sha256)
    wanted = await node.files.find("main", NAME, key, built.filename + beside)
    return await everything(await node.files.open(wanted, 0, None))


async def shown(node: Worker, clock: Clock) -> dict[str, Any]:
    """What the page lists once it is looked at anew, and what marks each has."""
    clock.move(10_000)
    page = (await node.shelf.get("main", NAME)).page
    return {file.filename: file.yanked for file in page.files}


def recalls(node: Worker) -> list[dict[str, Any]]:
    """What the journal tells of files that were taken back."""
    with node.catalog.database.reading() as connection:
        rows = connection.execute(
            select(journal).where(journal.c.action == "file recalled").order_by(journal.c.serial)
        ).all()
    return [{"filename": row.filename, **json.loads(row.detail)} for row in rows]


async def test_hidden(employ: Employ, clock: Clock, upstream: Upstream) -> None:
    """A deleted file is listed no more, and its address serves it still: that is the default."""
    node = await caching(employ, clock, HIDE)
    assert Policy() == HIDE
    upstream.remove(OLD)

    assert await shown(node, clock) == {NEW.filename: False}
    assert await read(node) == OLD.content


async def test_kept(employ: Employ, clock: Clock, upstream: Upstream) -> None:
    """A deleted file that is kept stays listed, marked, and is served with its metadata."""
    node = await caching(employ, clock, KEEP)
    upstream.remove(OLD)

    page = await shown(node, clock)
    assert page == {NEW.filename: False, OLD.filename: f"deleted upstream on {clock.now:%Y-%m-%d}"}
    assert await read(node) == OLD.content
    assert await read(node, beside=".metadata") == OLD.metadata
    sight = (await node.shelf.get("main", NAME)).sight
    assert sorted(sight.page.versions) == ["1.0", "2.0"]


@pytest.mark.parametrize("beside", ["", ".metadata"])
async def test_denied(employ: Employ, clock: Clock, upstream: Upstream, beside: str) -> None:
    """A deleted file is listed no more, and its address says that it is withheld, and why."""
    node = await caching(employ, clock, DENY)
    await read(node, beside=".metadata")
    upstream.remove(OLD)
    assert await shown(node, clock) == {NEW.filename: False}

    with pytest.raises(Denied, match="it is deleted upstream on 2026-") as error:
        await read(node, beside=beside)

    assert error.value.members["rule"] == "recall"
    with upstream.down():
        clock.move(10_000)
        with pytest.raises(Denied):
            await read(node, beside=beside)


async def test_what_came_too_late(employ: Employ, clock: Clock, upstream: Upstream) -> None:
    """A file that was still on its way when its page changed is denied as the others are."""
    node = await caching(employ, clock, DENY)
    upstream.remove(NEW)
    await shown(node, clock)
    late = Held(
        upstream="pypi",
        project=NAME,
        filename=NEW.filename,
        key=FileKey(NEW.sha256),
        digest=Digest(NEW.sha256),
        size=NEW.size,
        at=clock(),
    )
    await node.catalog.pages.hold(late)

    with pytest.raises(Denied, match="it is listed upstream no longer"):
        await read(node, NEW)


async def test_what_is_not_kept_is_gone(employ: Employ, clock: Clock, upstream: Upstream) -> None:
    """A deleted file of which no bytes are kept is gone, whatever the policy."""
    node = await caching(employ, clock, KEEP)
    upstream.remove(NEW)

    assert await shown(node, clock) == {OLD.filename: False}
    with pytest.raises(NoSuchFile):
        await read(node, NEW)
    assert recalls(node) == []


@pytest.mark.parametrize("policy", [HIDE, KEEP, DENY], ids=lambda each: each.deleted)
async def test_a_project_that_is_gone(
    employ: Employ, clock: Clock, upstream: Upstream, policy: Policy
) -> None:
    """When all of a project is deleted, its kept files follow the same policy."""
    node = await caching(employ, clock, policy)
    upstream.remove_project("demo")

    if policy is KEEP:
        assert list(await shown(node, clock)) == [OLD.filename]
        assert list(await shown(node, clock)) == [OLD.filename]  # and goes on to be
    else:
        with pytest.raises(NoSuchProject):
            await shown(node, clock)
    if policy is DENY:
        with pytest.raises(Denied):
            await read(node)
    else:
        assert await read(node) == OLD.content
    assert [each["why"] for each in recalls(node)] == ["deleted"]


async def test_each_is_told_once(employ: Employ, clock: Clock, upstream: Upstream) -> None:
    """The journal has one entry for each kept file that was deleted, by name, digest and reason."""
    node = await caching(employ, clock, HIDE)
    upstream.remove(OLD)
    for _ in range(2):
        await shown(node, clock)
    upstream.add(wheel("demo", "3.0"))
    await shown(node, clock)

    assert recalls(node) == [{"filename": OLD.filename, "sha256": OLD.sha256, "why": "deleted"}]


async def test_what_comes_back(employ: Employ, clock: Clock, upstream: Upstream) -> None:
    """A file that is listed again is as any other, and is told again when it goes again."""
    node = await caching(employ, clock, DENY)
    upstream.remove(OLD)
    await shown(node, clock)

    upstream.add(OLD)
    assert (await shown(node, clock))[OLD.filename] is False
    assert await read(node) == OLD.content
    upstream.remove(OLD)
    await shown(node, clock)

    assert len(recalls(node)) == 2


async def test_a_quarantined_project(employ: Employ, clock: Clock, upstream: Upstream) -> None:
    """The kept files of a project that is quarantined upstream are served to nobody."""
    node = await caching(employ, clock, KEEP)
    upstream.remove(OLD)
    upstream.remove(NEW)
    upstream.project("demo", extra={"project-status": QUARANTINED})

    assert await shown(node, clock) == {}
    with pytest.raises(Forbidden, match="quarantined"):
        await read(node)
    assert recalls(node) == [
        {
            "filename": OLD.filename,
            "sha256": OLD.sha256,
            "why": "quarantined",
            "reason": "stolen account",
        }
    ]


async def test_a_yanked_file(employ: Employ, clock: Clock, upstream: Upstream) -> None:
    """A kept file that is yanked is marked on the page, and told once, with the reason."""
    node = await caching(employ, clock, DENY)
    upstream.add(OLD, yanked="broken")
    upstream.add(NEW, yanked="broken")
    for _ in range(2):
        assert (await shown(node, clock))[OLD.filename] == "broken"

    assert await read(node) == OLD.content
    told = {"sha256": OLD.sha256, "why": "yanked", "reason": "broken"}
    assert recalls(node) == [{"filename": OLD.filename, **told}]


async def test_a_file_address_notices(employ: Employ, clock: Clock, upstream: Upstream) -> None:
    """Who asks for files alone has a stale page looked at behind: the next one is refused."""
    node = await caching(employ, clock, HIDE)
    upstream.project("demo", extra={"project-status": QUARANTINED})
    clock.move(10_000)
    assert await read(node) == OLD.content

    async def refused() -> bool:
        try:
            await read(node)
        except Forbidden:
            return True
        return False

    await until(refused)


async def test_what_is_here(employ: Employ, clock: Clock, upstream: Upstream) -> None:
    """A view of what is kept shows a deleted file, unless such files are denied."""
    for policy, count in ((HIDE, 1), (DENY, 0)):
        node = await caching(employ, clock, policy)
        upstream.remove(OLD)
        await shown(node, clock)
        kept = KeptUpstream(node.pypi, node.catalog.holdings, clock)

        assert len((await kept.page(NAME)).page.files) == count
        upstream.add(OLD)
        await shown(node, clock)
