"""One judgement for page, file and metadata, that changes at its very instant."""

import threading
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from cloche.core.errors import Denied, NoSuchFile, NoSuchProject, UpstreamDown
from cloche.core.index import Index, Route
from cloche.core.model import FileKey, ProjectName
from cloche.core.patterns import names
from cloche.core.policy import Candidate, Clause, Objection, Offer, settled
from cloche.service import view
from tests.catalog.samples import upload
from tests.packages import wheel
from tests.rules.samples import clause
from tests.service.worker import Clock, Employ, Options, Worker
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

NAME = ProjectName("demo")
OLD, NEW = wheel("demo", "1.0"), wheel("demo", "2.0")
WEEK = clause("cooldown", days=7)
WEEK_HIDDEN = clause("cooldown", days=7, effect="hide")


@pytest.fixture(autouse=True)
def listed(upstream: Upstream, clock: Clock) -> None:
    """An upstream with an old file, and one that is six days old."""
    six_days_ago = clock.now - timedelta(days=6)
    upstream.add(OLD)
    upstream.add(NEW, upload_time=six_days_ago.isoformat().replace("+00:00", "Z"))


def ruled(*clauses: Clause, **more: Any) -> dict[str, Index]:
    return {"main": Index(name="main", sources=("pypi",), clauses=clauses, **more)}


async def shown(node: Worker, index: str = "main") -> list[str]:
    return [file.filename for file in (await node.shelf.get(index, NAME)).page.files]


async def find(node: Worker, beside: str = "", index: str = "main") -> str:
    found = await node.files.find(index, NAME, FileKey(NEW.sha256), NEW.filename + beside)
    return found.filename


async def denied(node: Worker, beside: str = "", index: str = "main") -> Denied:
    with pytest.raises(Denied) as error:
        await find(node, beside, index)
    return error.value


@pytest.mark.parametrize("beside", ["", ".metadata"])
async def test_a_denied_file(employ: Employ, clock: Clock, beside: str) -> None:
    """What a rule denies is on no page, and its address says by which rule, why, how long."""
    node = await employ(Options(clock=clock, indexes=ruled(WEEK)))
    error = await denied(node, beside)
    uploaded = clock.now - timedelta(days=6)

    assert await shown(node) == [OLD.filename]
    assert error.members == {
        "index": "main",
        "by": "main",
        "rule": "cooldown",
        "kind": "cooldown",
        "reason": f"it is in cooldown: upload-time {uploaded:%Y-%m-%d %H:%M} UTC",
        "clock": "upload-time",
        "until": clock.now + timedelta(days=1),
    }
    assert "withheld in index main by its rule cooldown" in error.detail


async def test_a_hidden_file(employ: Employ, clock: Clock) -> None:
    """What a rule hides is on no page, and whoever has its address gets it."""
    node = await employ(Options(clock=clock, indexes=ruled(WEEK_HIDDEN)))

    assert await shown(node) == [OLD.filename]
    assert await find(node) == NEW.filename
    assert await find(node, ".metadata") == f"{NEW.filename}.metadata"


async def test_versions_without_files_are_not_stated(employ: Employ, clock: Clock) -> None:
    """The page states no version of which it withholds everything (PEP 700)."""
    node = await employ(Options(clock=clock, indexes=ruled(WEEK)))

    assert (await node.shelf.get("main", NAME)).page.versions == ("1.0",)


async def test_a_page_that_would_be_empty(employ: Employ, clock: Clock, upstream: Upstream) -> None:
    """When every file is withheld, that is said, with when the first will be shown."""
    upstream.remove(OLD)
    node = await employ(Options(clock=clock, indexes=ruled(WEEK)))
    sight = (await node.shelf.get("main", NAME)).sight

    with pytest.raises(Denied, match="every file of demo is withheld") as error:
        sight.check_shown("main")
    assert error.value.members["until"] == clock.now + timedelta(days=1)


async def test_the_page_changes_at_the_instant(
    employ: Employ, clock: Clock, upstream: Upstream
) -> None:
    """A microsecond before the end of its cooldown a file is denied; then it is listed."""
    node = await employ(Options(clock=clock, indexes=ruled(WEEK)))
    before = await node.shelf.get("main", NAME)
    clock.now += timedelta(days=1, microseconds=-1)
    upstream.forget()
    await denied(node)
    at_last = await node.shelf.get("main", NAME)
    clock.now += timedelta(microseconds=1)

    assert not node.shelf.current(before)
    assert not node.shelf.current(at_last)
    assert await find(node) == NEW.filename
    assert set(await shown(node)) == {OLD.filename, NEW.filename}


async def test_a_ruling_that_ends_while_the_upstream_is_down(
    employ: Employ, clock: Clock, upstream: Upstream
) -> None:
    """The instant counts whether or not the upstream can be asked then."""
    node = await employ(Options(clock=clock, indexes=ruled(WEEK)))
    await denied(node)
    clock.now += timedelta(days=1)

    with upstream.down():
        assert set(await shown(node)) == {OLD.filename, NEW.filename}
        assert await find(node) == NEW.filename


async def test_rules_of_a_source_count_behind_it(employ: Employ, clock: Clock) -> None:
    """What an index withholds, no index that draws on it shows or serves."""
    indexes = {**ruled(WEEK), "outer": Index(name="outer", sources=("main",))}
    node = await employ(Options(clock=clock, indexes=indexes))

    assert await shown(node, "outer") == [OLD.filename]
    assert (await denied(node, index="outer")).members["by"] == "main"


async def test_rules_of_several_indexes_are_all_told(employ: Employ, clock: Clock) -> None:
    """What both object to has both rulings, and the one that lasts longest counts."""
    month = clause("cooldown", days=30)
    indexes = {**ruled(WEEK), "outer": Index(name="outer", sources=("main",), clauses=(month,))}
    node = await employ(Options(clock=clock, indexes=indexes))
    rulings = (await node.shelf.get("outer", NAME)).sight.rulings[NEW.filename]
    counts = settled(rulings)

    assert [(each.index, each.kind) for each in rulings] == [
        ("main", "cooldown"),
        ("outer", "cooldown"),
    ]
    assert counts is not None
    assert counts.index == "outer"


async def test_own_uploads_are_judged_too(employ: Employ, clock: Clock) -> None:
    """An index's rules do not ask where a file comes from, unless they say so."""
    index = Index(name="main", uploads=True, clauses=(WEEK,))
    node = await employ(Options(clock=clock, indexes={"main": index}))
    await node.catalog.ledger.publish(
        replace(upload(), index="main", project=NAME, uploaded_at=clock.now)
    )

    assert await shown(node) == []


async def test_a_kept_file_that_vanished_is_judged(
    employ: Employ, clock: Clock, upstream: Upstream
) -> None:
    """A file that its upstream lists no more has no way around the rules."""
    forbidding = clause("cooldown", days=36500)
    free = await employ(Options(clock=clock, indexes=ruled()))
    found = await free.files.find("main", NAME, FileKey(NEW.sha256), NEW.filename)
    body = await free.files.open(found, 0, None)
    assert b"".join([chunk async for chunk in body.chunks]) == NEW.content
    upstream.remove(NEW)
    clock.move(10_000)

    node = await employ(Options(clock=clock, indexes=ruled(forbidding)))
    assert "cooldown" in (await denied(node)).detail
    assert await find(free) == NEW.filename


async def vanished(employ: Employ, clock: Clock, upstream: Upstream, beside: str) -> None:
    """A worker without rules keeps the old file and its metadata; then the upstream deletes it."""
    free = await employ(Options(clock=clock, indexes=ruled()))
    for end in ("", ".metadata"):
        found = await free.files.find("main", NAME, FileKey(OLD.sha256), OLD.filename + end)
        body = await free.files.open(found, 0, None)
        assert [chunk async for chunk in body.chunks]
    upstream.remove(OLD)
    clock.move(10_000)
    assert await shown(free) == [NEW.filename]
    assert (
        await free.files.find("main", NAME, FileKey(OLD.sha256), OLD.filename + beside)
    ).artifact


@pytest.mark.parametrize("beside", ["", ".metadata"])
@pytest.mark.parametrize(
    ("rule", "served"),
    [
        (clause("newest", count=1), False),
        (clause("newest", count=2), True),
        (clause("versions", min=2), True),
        (clause("versions", max=1), False),
        (clause("size", max="1 MB"), True),
        (clause("size", max=1), False),
        (clause("project_size", max=OLD.size + NEW.size), True),
        (clause("project_size", max=OLD.size + NEW.size - 1), False),
    ],
    ids=lambda one: getattr(one, "kind", str(one)),
)
async def test_what_vanished_is_judged_among_what_is_there(
    employ: Employ,
    clock: Clock,
    upstream: Upstream,
    rule: Clause,
    served: bool,  # noqa: FBT001 - a table
    beside: str,
) -> None:
    """A kept file that its upstream lists no more has the ruling that it would have on the page."""
    await vanished(employ, clock, upstream, beside)
    node = await employ(Options(clock=clock, indexes=ruled(rule)))

    async def find_old() -> None:
        await node.files.find("main", NAME, FileKey(OLD.sha256), OLD.filename + beside)

    if served:
        await find_old()
    else:
        with pytest.raises(Denied):
            await find_old()


async def test_a_merged_project(employ: Employ, clock: Clock) -> None:
    """All owners of a merged name answer; of one filename the first owner's counts."""
    index = Index(name="main", sources=("pypi",), uploads=True, merge=names(["demo"]))
    node = await employ(Options(clock=clock, indexes={"main": index}))
    own = replace(upload(), index="main", project=NAME, filename=OLD.filename)
    await node.catalog.ledger.publish(own)
    sight = (await node.shelf.get("main", NAME)).sight

    assert [file.filename for file in sight.page.files] == [OLD.filename, NEW.filename]
    assert sight.origin(OLD.filename) == ("main", True)
    assert sight.origin(NEW.filename) == ("pypi", False)
    assert not sight.hosted
    with pytest.raises(NoSuchFile):
        await node.files.find("main", NAME, FileKey(OLD.sha256), OLD.filename)
    assert await find(node) == NEW.filename


async def test_a_merged_project_with_a_source_that_is_down(
    employ: Employ, clock: Clock, upstream: Upstream
) -> None:
    """A part of a merged page is not shown for the whole."""
    index = Index(name="main", sources=("pypi",), uploads=True, merge=names(["demo"]))
    node = await employ(Options(clock=clock, indexes={"main": index}))
    await node.catalog.ledger.publish(replace(upload(), index="main", project=NAME))

    with upstream.down(), pytest.raises(UpstreamDown):
        await node.shelf.get("main", NAME)


async def test_a_routed_name(employ: Employ, clock: Clock, upstream: Upstream) -> None:
    """Of a routed name the route's sources alone are asked."""
    index = ruled(routes=(Route(projects=names(["dem*"])),))
    node = await employ(Options(clock=clock, indexes=index))
    upstream.forget()

    with pytest.raises(NoSuchProject):
        await shown(node)
    assert upstream.requests() == []


class Noting(Struct, frozen=True):
    """Objects to nothing, and notes which thread asks."""

    threads: list[int]

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:  # noqa: ARG002
        self.threads.append(threading.get_ident())
        return ()


@pytest.mark.parametrize(("few", "aside"), [(1, True), (2, False)])
async def test_a_large_page_is_judged_aside(
    employ: Employ,
    monkeypatch: pytest.MonkeyPatch,
    few: int,
    aside: bool,  # noqa: FBT001 - a table
) -> None:
    """Nobody else waits while many files are judged; few are done sooner than a thread is woken."""
    monkeypatch.setattr(view, "FEW", few)
    rule = Noting([])
    node = await employ(Options(indexes=ruled(Clause(name="a", kind="noting", rule=rule))))
    await shown(node)

    assert [each != threading.get_ident() for each in rule.threads] == [aside]
