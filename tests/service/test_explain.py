"""Why an index shows what it shows, told as it is served."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from cloche.core.errors import Denied, Error, Forbidden, NoSuchIndex
from cloche.core.explanation import Answer, Explanation, Outcome, State
from cloche.core.index import Index, Route
from cloche.core.marks import Part
from cloche.core.model import Digest, FileKey, Held, ProjectName, Status, Upload
from cloche.core.patterns import names
from cloche.core.policy import Admission, Candidate, Clause, Effect, Objection, Offer
from cloche.core.wire import QUARANTINED
from cloche.ports import Document
from cloche.service.explain import GONE, Explain
from cloche.service.fetch import Fetch
from cloche.service.files import Files
from cloche.service.shelf import Shelf
from cloche.service.steward import Steward
from cloche.service.upstream import CachedUpstream
from cloche.service.view import View
from cloche.service.within import Within
from cloche.spool import Spool
from tests.catalog.samples import remove, upload
from tests.fakes import (
    NOW,
    FakeBlobs,
    FakeFindings,
    FakeHoldings,
    FakeJournal,
    FakeLedger,
    FakePages,
    FakeUpstream,
    now,
)
from tests.rules.samples import clause
from tests.service.worker import PATIENT, Employ, Options, Worker, digest_of

pytestmark = pytest.mark.anyio

DEMO = ProjectName("demo")
VERSIONS = ("0.9", "1.0", "1.1", "2.0")
SOON = NOW + timedelta(days=1)


class Minds(Struct, frozen=True):
    """A rule that minds some versions, until an instant if one is given."""

    versions: frozenset[str]
    until: datetime | None = None

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:  # noqa: ARG002 - the protocol's
        for each in offer.candidates:
            if str(each.version) in self.versions:
                yield each, Objection("it is minded", self.until)


def minds(name: str, effect: Effect, *versions: str, until: datetime | None = None) -> Clause:
    return Clause(name=name, kind="minds", rule=Minds(frozenset(versions), until), effect=effect)


def filename(version: str) -> str:
    return f"demo-{version}-py3-none-any.whl"


def page(*versions: str, status: str = "active") -> Document:
    files = [
        {
            "filename": filename(version),
            "url": f"http://files/{filename(version)}",
            "hashes": {"sha256": digest_of(version.encode())},
        }
        for version in versions
    ]
    said = {
        "meta": {"api-version": "1.4"},
        "name": "demo",
        "files": files,
        "project-status": {"status": status},
        "versions": list(versions),
    }
    return Document(
        body=msgspec.json.encode(said),
        content_type="application/vnd.pypi.simple.v1+json",
        url="http://a/simple/demo/",
    )


def states(found: Explanation) -> dict[str, State]:
    return {file.filename: file.state for file in found.files}


def outcomes(found: Explanation) -> list[tuple[str, str, Outcome]]:
    return [(step.index, step.source, step.outcome) for step in found.steps]


def says(found: Explanation, source: str) -> str:
    (step,) = [step for step in found.steps if step.source == source]
    return step.says


class Scene:
    """A worker over fake upstreams, and its explanations."""

    def __init__(self, node: Worker) -> None:
        self.node = node
        self.explain = Explain(node.view, node.catalog.holdings)

    async def __call__(self, index: str = "main", version: str | None = None) -> Explanation:
        return await self.explain.project(index, DEMO, version)


async def scene(employ: Employ, *upstreams: FakeUpstream, indexes: list[Index]) -> Scene:
    return Scene(
        await employ(
            Options(
                remote={each.name: each for each in upstreams},
                indexes={each.name: each for each in indexes},
                freshness=PATIENT,  # when a page is kept, and not just told, is what is explained
            )
        )
    )


def has(name: str, *versions: str, **more: str) -> FakeUpstream:
    return FakeUpstream(name=name, pages={DEMO: page(*versions, **more)})


async def test_each_file_is_told_with_its_rules(employ: Employ) -> None:
    """State, source and every rule's word, with its index, effect and end, are there."""
    rules = (minds("old", Effect.HIDE, "0.9", until=SOON), minds("bad", Effect.DENY, "0.9", "1.0"))
    main = Index(name="main", sources=("a",), clauses=rules)
    explained = await scene(employ, has("a", "0.9", "1.0", "1.1"), indexes=[main])

    found = await explained()

    assert found.answer is Answer.PAGE
    assert states(found) == {
        filename("1.1"): State.LISTED, filename("0.9"): State.DENIED, filename("1.0"): State.DENIED,
    }  # fmt: skip
    (told,) = [file for file in found.files if file.version == "0.9"]
    assert (told.source, told.hosted) == ("a", False)
    assert [(r.index, r.rule, r.kind, r.effect, r.reason, r.until) for r in told.reasons] == [
        ("main", "old", "minds", "hide", "it is minded", SOON),
        ("main", "bad", "minds", "deny", "it is minded", None),
    ]
    assert found.until is not None
    assert "1 listed, 0 hidden, 2 denied" in found.says


async def test_a_rule_that_is_lifted(employ: Employ) -> None:
    """What is let past a rule is listed, and told with the reason and the end, but not by whom."""
    main = Index(name="main", sources=("a",), clauses=(minds("no", Effect.DENY, "1.0"),))
    explained = await scene(employ, has("a", "1.0"), indexes=[main])
    node = explained.node
    part = Part(index="main", project=DEMO, version="1.0")
    admission = Admission(part=part, who="ann", reason="it is needed", until=SOON)
    await node.catalog.admissions.admit(admission, NOW)

    found = await explained()

    assert states(found) == {filename("1.0"): State.LISTED}
    ((reason,),) = (file.reasons for file in found.files)
    assert (reason.lifted, reason.lifted_until) == ("demo 1.0 is admitted: it is needed", SOON)
    assert b"ann" not in msgspec.json.encode(found)


async def test_one_version(employ: Employ) -> None:
    """Of a version that is asked for, only its files are told of."""
    main = Index(name="main", sources=("a",))
    explained = await scene(employ, has("a", "0.9", "1.0"), indexes=[main])

    assert states(await explained(version="1.0")) == {filename("1.0"): State.LISTED}


async def test_all_is_withheld(employ: Employ) -> None:
    """A page that answers 403 is told as such, and its files are."""
    main = Index(name="main", sources=("a",), clauses=(minds("no", Effect.DENY, "1.0"),))
    explained = await scene(employ, has("a", "1.0"), indexes=[main])

    found = await explained()

    assert (found.answer, states(found)) == (Answer.DENIED, {filename("1.0"): State.DENIED})
    assert "withheld in index main by its rule no" in found.says


async def test_a_project_denied_by_its_name(employ: Employ) -> None:
    """Where rules deny a name no upstream is asked, and that is what is told of each."""
    denied = clause("deny", what=["demo"])
    main = Index(name="main", sources=("team", "b"), clauses=(denied,))
    team = Index(name="team", sources=("a",))
    explained = await scene(employ, has("a", "1.0"), has("b", "1.0"), indexes=[main, team])

    found = await explained()

    assert (found.answer, found.files) == (Answer.DENIED, ())
    assert "withheld in index main by its rule deny: it is on the list: demo" in found.says
    assert outcomes(found) == [
        ("main", "team", Outcome.REFUSED),
        ("team", "a", Outcome.NOT_ASKED),
        ("main", "b", Outcome.NOT_ASKED),
    ]
    assert says(found, "a") == "rules deny the project by its name: that ends the search"
    assert says(found, "b").startswith("team comes first, and rules deny")


async def test_what_is_kept_of_a_denied_project(employ: Employ) -> None:
    """The files of a page that is kept are told of with the rule, and nobody is asked."""
    main = Index(name="main", sources=("a",), clauses=(clause("deny", what=["demo"]),))
    upstream = has("a", "1.0")
    explained = await scene(employ, upstream, indexes=[main, Index(name="all", sources=("a",))])
    await explained("all")
    await explained.node.cached["a"].keeps(DEMO)

    found = await explained()

    assert states(found) == {filename("1.0"): State.DENIED}
    assert [(each.rule, each.reason) for each in found.files[0].reasons] == [
        ("deny", "it is on the list: demo")
    ]
    assert upstream.asked == [DEMO]


async def test_the_first_owner_ends_the_search(employ: Employ) -> None:
    """Who was asked, who owned the name, who was not asked and why: in that order."""
    indexes = [Index(name="main", sources=("team", "a", "b")), Index(name="team", uploads=True)]
    explained = await scene(employ, has("a", "1.0"), has("b", "2.0"), indexes=indexes)

    found = await explained()

    assert outcomes(found) == [
        ("main", "team", Outcome.ABSENT),
        ("team", "team", Outcome.ABSENT),
        ("main", "a", Outcome.OWNS),
        ("main", "b", Outcome.NOT_ASKED),
    ]
    assert [step.depth for step in found.steps] == [0, 1, 0, 0]
    assert says(found, "b") == "a comes first, and has the project"
    (asked,) = [step for step in found.steps if step.source == "a"]
    assert asked.kept_since == asked.checked_at == explained.node.view.clock()
    assert asked.fresh_until == explained.node.view.clock() + timedelta(seconds=600)


async def test_uploads_come_first(employ: Employ) -> None:
    """Where the index has uploads, no source is asked, and that is said."""
    main = Index(name="main", sources=("a",), uploads=True)
    explained = await scene(employ, has("a", "9.0"), indexes=[main])
    await explained.node.catalog.ledger.publish(upload())

    found = await explained()

    assert outcomes(found) == [("main", "main", Outcome.OWNS), ("main", "a", Outcome.NOT_ASKED)]
    assert says(found, "a") == "the index's own uploads come first"
    assert [file.hosted for file in found.files] == [True]


async def test_a_route_keeps_others_out(employ: Employ) -> None:
    """A source that a route leaves out was not asked because of the route."""
    routes = (Route(projects=names(["demo*"]), sources=("b",)),)
    main = Index(name="main", sources=("a",), routes=routes)
    explained = await scene(employ, has("a", "9.0"), has("b", "1.0"), indexes=[main])

    found = await explained()

    assert outcomes(found) == [("main", "b", Outcome.OWNS), ("main", "a", Outcome.NOT_ASKED)]
    assert says(found, "a") == "the route for demo* leads to b"


async def test_an_index_that_asks_no_upstream(employ: Employ) -> None:
    """`fallthrough = "none"` is why an upstream was not asked."""
    main = Index(name="main", sources=("a",), fallthrough="none")
    explained = await scene(employ, has("a", "9.0"), indexes=[main])

    found = await explained()

    assert (found.answer, outcomes(found)) == (Answer.ABSENT, [("main", "a", Outcome.NOT_ASKED)])
    assert 'fallthrough = "none"' in says(found, "a")


async def test_a_merged_project(employ: Employ) -> None:
    """Of a project that is merged each file is told with the owner that it comes from."""
    main = Index(name="main", sources=("a", "b"), merge=names(["demo"]))
    explained = await scene(employ, has("a", "1.0"), has("b", "1.0", "2.0"), indexes=[main])

    found = await explained()

    assert {(file.version, file.source) for file in found.files} == {("1.0", "a"), ("2.0", "b")}
    assert [step.outcome for step in found.steps] == [Outcome.OWNS, Outcome.OWNS]


async def test_nobody_has_it(employ: Employ) -> None:
    """A name that no source has is explained, not refused."""
    main = Index(name="main", sources=("a",))
    explained = await scene(employ, FakeUpstream(name="a"), indexes=[main])

    found = await explained()

    assert (found.answer, found.files) == (Answer.ABSENT, ())
    assert found.says == "index main has no project demo"
    assert says(found, "a") == "a has no project demo"


async def test_a_source_that_is_down(employ: Employ) -> None:
    """An outage is told, and that it ended the search."""
    main = Index(name="main", sources=("a", "b"))
    explained = await scene(
        employ, FakeUpstream(name="a", down=True), has("b", "9.0"), indexes=[main]
    )

    found = await explained()

    assert found.answer is Answer.UNKNOWN
    assert [step.outcome for step in found.steps] == [Outcome.UNKNOWN, Outcome.NOT_ASKED]
    assert says(found, "b") == "a comes first, and could not be asked: that ends the search"


async def test_deleted_uploads(employ: Employ) -> None:
    """A name whose uploads were all deleted stays its index's, and that is said."""
    main = Index(name="main", sources=("a",), uploads=True)
    explained = await scene(employ, has("a", "9.0"), indexes=[main])
    mine = upload()
    await explained.node.catalog.ledger.publish(mine)
    await remove(explained.node.catalog, mine.filename, who="alice")

    found = await explained()

    assert found.answer is Answer.DELETED
    assert outcomes(found) == [("main", "main", Outcome.DELETED), ("main", "a", Outcome.NOT_ASKED)]


async def test_a_quarantined_project(employ: Employ) -> None:
    """No file of a project in quarantine is to be had, by its upstream's word or by ours."""
    indexes = [Index(name="main", sources=("a",)), Index(name="other", sources=("b",))]
    explained = await scene(
        employ, has("a", "1.0"), has("b", "1.0", status="quarantined"), indexes=indexes
    )
    node = explained.node
    steward = Steward(node.view, node.catalog.stewardship, node.catalog.pulse, node.view.clock)
    await steward.declare("main", DEMO, Status.QUARANTINED, "bob", "malware")

    for index in ("main", "other"):
        found = await explained(index)
        assert found.answer is Answer.QUARANTINED
        assert states(found) == {filename("1.0"): State.DENIED}


async def test_a_kept_file_that_is_gone_upstream(employ: Employ) -> None:
    """What is on no page any more, and is served still, is told as hidden; a rule denies it."""
    indexes = [
        Index(name="main", sources=("a",)),
        Index(name="strict", sources=("a",), clauses=(minds("no", Effect.DENY, "0.9"),)),
    ]
    explained = await scene(employ, has("a", "1.0"), indexes=indexes)
    await explained.node.catalog.pages.hold(held("0.9"))

    found = await explained()
    assert states(found) == {filename("1.0"): State.LISTED, filename("0.9"): State.HIDDEN}
    assert found.files[-1].note == GONE

    found = await explained("strict")
    assert states(found)[filename("0.9")] is State.DENIED
    assert [(r.rule, r.effect) for r in found.files[-1].reasons] == [("no", Effect.DENY)]


async def test_an_unknown_index(employ: Employ) -> None:
    """There is nothing to explain of an index that is not there."""
    explained = await scene(employ, FakeUpstream(name="a"), indexes=[Index(name="main")])
    with pytest.raises(NoSuchIndex):
        await explained("other")


async def test_looking_leads_nowhere_else(employ: Employ) -> None:
    """To explain a private name asks no source that serving it would not ask."""
    main = Index(name="main", sources=("a",), uploads=True)
    stranger = FakeUpstream(name="a", down=True)
    explained = await scene(employ, stranger, indexes=[main])
    await explained.node.catalog.ledger.publish(upload())

    assert (await explained()).answer is Answer.PAGE


def held(version: str) -> Held:
    digest = digest_of(version.encode())
    return Held(
        upstream="a",
        project=DEMO,
        filename=filename(version),
        key=FileKey(digest),
        digest=digest,
        size=1,
        at=NOW,
    )


# Agreement ---------------------------------------------------------------------------------

SOME = st.sets(st.sampled_from(VERSIONS))
CLAUSES = st.lists(
    st.tuples(st.sampled_from(Effect), SOME, st.sampled_from([None, SOON])), max_size=3
)


class World(Struct, frozen=True):
    """What uploads, upstreams and rules there are."""

    main: list[tuple[Effect, set[str], datetime | None]]
    team: list[tuple[Effect, set[str], datetime | None]]
    uploads: set[str]
    first: set[str]
    second: set[str]
    kept: set[str]
    merges: bool
    status: str
    down: bool


WORLDS = st.builds(
    World,
    main=CLAUSES,
    team=CLAUSES,
    uploads=st.just(set()) | SOME,
    first=SOME,
    second=SOME,
    kept=SOME,
    merges=st.booleans(),
    status=st.sampled_from(["active", "active", "archived", "quarantined"]),
    down=st.booleans(),
)


@given(world=WORLDS)
@settings(deadline=None, max_examples=150)
def test_it_agrees_with_what_is_served(world: World) -> None:
    """Listed is what the page lists, hidden what only the address gives, denied what is refused."""
    with TemporaryDirectory() as folder:
        asyncio.run(_agrees(world, Path(folder)))


async def _agrees(world: World, folder: Path) -> None:
    files, explain, fetch = await _made(world, folder)
    found = await explain.project("main", DEMO)
    told = {(each.filename, each.key): each.state for each in found.files}
    listed, refusal = await _listed(files)
    assert (found.answer is Answer.PAGE) == (refusal is None)
    assert refusal in {None, QUARANTINED, found.says}
    assert {name for name, state in told.items() if state is State.LISTED} == listed
    every = {(filename(v), FileKey(digest_of(v.encode()))) for v in VERSIONS}
    for name, key in every | told.keys():
        assert told.get((name, key)) in await _may_be(files, name, key)
    await fetch.close(0)


async def _listed(files: Files) -> tuple[set[tuple[str, str]], str | None]:
    """The files that the page lists, and why there is no page."""
    try:
        shown = await files.shelf.get("main", DEMO)
        shown.sight.check_shown("main")
    except Error as e:
        return set(), e.detail
    if shown.page.status == QUARANTINED:
        return set(), QUARANTINED
    return {(each.filename, each.key) for each in shown.page.files}, None


async def _may_be(files: Files, name: str, key: FileKey) -> set[State | None]:
    """What can be said of a file, by what its address answers."""
    try:
        await files.find("main", DEMO, key, name)
    except Denied:
        return {State.DENIED}
    except Forbidden:  # the whole project: files that nobody lists are not told apart
        return {State.DENIED, None}
    except Error:
        return {None}
    return {State.LISTED, State.HIDDEN}


async def _made(world: World, folder: Path) -> tuple[Files, Explain, Fetch]:
    journal = FakeJournal()
    ledger, pages, blobs = FakeLedger(journal), FakePages(journal), FakeBlobs()
    a, b = FakeUpstream(name="a"), FakeUpstream(name="b", down=world.down)
    for upstream, versions in ((a, world.first), (b, world.second)):
        if versions:
            upstream.pages[DEMO] = page(*sorted(versions), status=world.status)
    spool = Spool(folder)
    remote = {each.name: each for each in (a, b)}
    cached = {
        name: CachedUpstream(each, pages, FakeFindings(pages), spool, now, max_files=100)
        for name, each in remote.items()
    }
    merge = names(["demo"]) if world.merges else None
    indexes = {
        "main": Index(
            name="main", sources=("team", "b"), merge=merge, clauses=_clauses("main", world.main)
        ),
        "team": Index(
            name="team", sources=("a",), uploads=True, clauses=_clauses("team", world.team)
        ),
    }
    for version in world.uploads:
        await ledger.publish(_upload(version))
    for version in world.kept:
        await pages.hold(held(version))
    view = View(indexes, cached, ledger, pages, now)
    shelf = Shelf(view, ledger, journal, now)
    fetch = Fetch(blobs, pages, spool, remote, now)
    files = Files(view, shelf, fetch, Within(fetch, remote, spool), blobs)
    return files, Explain(view, FakeHoldings(pages)), fetch


def _clauses(
    index: str, rules: list[tuple[Effect, set[str], datetime | None]]
) -> tuple[Clause, ...]:
    return tuple(
        minds(f"{index} {number}", effect, *versions, until=until)
        for number, (effect, versions, until) in enumerate(rules)
    )


def _upload(version: str) -> Upload:
    return msgspec.structs.replace(
        upload(index="team"),
        version=version,
        filename=filename(version),
        digest=Digest(digest_of(f"mine {version}".encode())),
    )
