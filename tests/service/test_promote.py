"""Pushing a version from index to index: what goes with it, and what keeps it from going."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from cloche.attestor import connect as connect_attestor
from cloche.core import marks
from cloche.core.errors import BadRequest, BadUpload, Denied, FileExists, Forbidden, NoSuchFile
from cloche.core.index import Index
from cloche.core.marks import Part
from cloche.core.model import ProjectName, Status, Upload
from cloche.core.publishers import Publisher, publisher
from cloche.ports import Attestor, Deed
from cloche.service.going import Goods
from cloche.service.integrity import Integrity, Objects
from cloche.service.promote import Promote
from cloche.service.publish import Incoming, Publish
from cloche.service.steward import Steward
from tests.attestations import attestation, provenance, statement
from tests.packages import Built, sdist, wheel
from tests.rules.samples import clause
from tests.service.worker import Clock, Employ, Options, Worker, everything, names
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

DEMO = ProjectName("demo")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHEEL, SDIST = wheel("demo", "1.0"), sdist("demo", "1.0")
V1 = marks.part("dev", "demo==1.0")
STABLE = Index(
    name="stable",
    uploads=True,
    clauses=(clause("cooldown", days=7),),
)
INDEXES: Mapping[str, Index] = {
    "dev": Index(name="dev", sources=("pypi",), uploads=True),
    "slow": Index(name="slow", sources=("dev",), clauses=(clause("cooldown", days=30),)),
    "hidden": Index(
        name="hidden", sources=("dev",), clauses=(clause("cooldown", days=30, effect="hide"),)
    ),
    "stable": STABLE,
    "sealed": Index(name="sealed"),
}


@pytest.fixture
async def node(employ: Employ, clock: Clock) -> Worker:
    return await employ(Options(indexes=INDEXES, clock=clock))


@pytest.fixture
def publish(node: Worker) -> Publish:
    attestor = connect_attestor(None, needed=False, offline=True)
    return Publish(node.blobs, node.catalog.ledger, attestor, node.catalog.pulse, node.view.clock)


@pytest.fixture
def promote(node: Worker, publish: Publish) -> Promote:
    catalog = node.catalog
    objects = Objects(node.blobs, catalog.pages, node.spool, node.remote, node.view.clock)
    integrity = Integrity(node.view, node.shelf, objects)
    return Promote(
        Goods(node.view, node.files, integrity),
        publish,
        catalog.promotion,
        node.blobs,
        node.spool,
        catalog.pulse,
        node.view.clock,
    )


async def uploaded(
    node: Worker, publish: Publish, *builds: Built, index: str = "dev", **fields: str
) -> None:
    for built in builds:
        with node.spool.scratch() as scratch:
            await scratch.write(built.content)
            incoming = Incoming(
                filename=built.filename,
                fields={
                    ":action": ["file_upload"],
                    **{name: [said] for name, said in fields.items()},
                },
            )
            taken = await publish.prepare(INDEXES[index], "ann", incoming, scratch)
        await node.catalog.ledger.publish(taken)


async def page(node: Worker, index: str) -> list[str]:
    return names((await node.shelf.get(index, DEMO)).page)


async def rows(node: Worker, index: str = "stable") -> list[Upload]:
    return await node.catalog.ledger.files(index, DEMO)


async def test_the_same_bytes_and_their_story(
    node: Worker, publish: Publish, promote: Promote, clock: Clock
) -> None:
    """All that is known of the files is known there; age counts from the first upload."""
    await uploaded(node, publish, WHEEL, SDIST)
    (blobs,) = [{each.digest async for each in node.blobs.list()}]
    before = {each.filename: each for each in await rows(node, "dev")}
    clock.move(timedelta(days=8).total_seconds())

    done = await promote.push(V1, STABLE, "qa", "tested")

    assert (sorted(done.new), done.there) == (sorted([SDIST.filename, WHEEL.filename]), [])
    assert await page(node, "stable") == await page(node, "dev")  # a week old from the start
    for row in await rows(node):
        old = before[row.filename]
        assert (row.index, row.first_index) == ("stable", "dev")
        assert (row.digest, row.metadata, row.hashes) == (old.digest, old.metadata, old.hashes)
        assert (row.uploaded_at, row.uploaded_by) == (old.uploaded_at, "ann")
    assert {each.digest async for each in node.blobs.list()} == blobs
    shown = await node.shelf.get("stable", DEMO)
    (file,) = [f for f in shown.page.files if f.filename == WHEEL.filename]
    wanted = await node.files.find("stable", DEMO, file.key, file.filename)
    assert await everything(await node.files.open(wanted, 0, None)) == WHEEL.content


async def test_it_is_judged_by_the_target(node: Worker, publish: Publish, promote: Promote) -> None:
    """A young file that is pushed is withheld by the target's cooldown, as any is."""
    await uploaded(node, publish, WHEEL)
    await promote.push(V1, STABLE, "qa")
    sight = await node.view.project("stable", DEMO)
    assert (names(sight.page), list(sight.withheld)) == ([], [WHEEL.filename])


async def test_a_second_push(node: Worker, publish: Publish, promote: Promote) -> None:
    """What is there already stays as it is; a file that has come since is added."""
    await uploaded(node, publish, WHEEL)
    await promote.push(V1, STABLE, "qa")
    await uploaded(node, publish, SDIST)

    done = await promote.push(V1, STABLE, "qa")

    assert (done.new, done.there) == ([SDIST.filename], [WHEEL.filename])
    assert len(await rows(node)) == 2


async def test_through_three_indexes(node: Worker, publish: Publish, promote: Promote) -> None:
    """Where it was first uploaded is known at the end, and the journal has each step."""
    await uploaded(node, publish, WHEEL)
    await promote.push(V1, STABLE, "qa")
    last = Index(name="sealed", uploads=True)

    # Not from what the target's rule withholds: the version waits a week there.
    with pytest.raises(Denied):
        await promote.push(Part(index="stable", project=DEMO, version="1.0"), last, "ops")
    clock = node.view.clock
    assert isinstance(clock, Clock)
    clock.move(timedelta(days=8).total_seconds())
    await promote.push(Part(index="stable", project=DEMO, version="1.0"), last, "ops")

    (row,) = await rows(node, "sealed")
    assert (row.first_index, row.uploaded_by) == ("dev", "ann")
    (entry,) = await node.catalog.stewardship.journal("sealed", DEMO, 0, 10)
    assert (entry.who, entry.detail["from"], entry.detail["first"]) == ("ops", "stable", "dev")


async def test_yanks_go_with_it(node: Worker, publish: Publish, promote: Promote) -> None:
    """What is yanked where it comes from is yanked where it goes to."""
    await uploaded(node, publish, WHEEL, SDIST)
    steward = Steward(node.view, node.catalog.stewardship, node.catalog.pulse, node.view.clock)
    await steward.yank(marks.part("dev", WHEEL.filename), "ann", "broken")

    await promote.push(V1, STABLE, "qa")

    assert {row.filename: (row.yanked, row.yanked_reason) for row in await rows(node)} == {
        WHEEL.filename: (True, "broken"),
        SDIST.filename: (False, ""),
    }


async def test_what_a_rule_denies(node: Worker, publish: Publish, promote: Promote) -> None:
    """A version of which the source denies a file does not go; a hidden one does."""
    await uploaded(node, publish, WHEEL)
    with pytest.raises(Denied, match="in index slow by its rule cooldown"):
        await promote.push(Part(index="slow", project=DEMO, version="1.0"), STABLE, "qa")
    assert (await node.catalog.ledger.own("stable", DEMO)).uploads is None

    await promote.push(Part(index="hidden", project=DEMO, version="1.0"), STABLE, "qa")
    (row,) = await rows(node)
    assert row.first_index == "dev"


async def test_what_is_refused(node: Worker, publish: Publish, promote: Promote) -> None:
    """Nothing goes to where nothing is taken, nor what is not there, nor over other bytes."""
    await uploaded(node, publish, WHEEL)
    with pytest.raises(Forbidden, match="takes no uploads"):
        await promote.push(V1, INDEXES["sealed"], "qa")
    with pytest.raises(NoSuchFile):
        await promote.push(marks.part("dev", "demo==2.0"), STABLE, "qa")
    with pytest.raises(BadRequest, match="in index dev already"):
        await promote.push(V1, INDEXES["dev"], "qa")

    await uploaded(node, publish, wheel("demo", "1.0", summary="another"), index="stable")
    with pytest.raises(FileExists):
        await promote.push(V1, STABLE, "qa")


async def test_what_is_quarantined(node: Worker, publish: Publish, promote: Promote) -> None:
    """Nothing goes out of quarantine, and nothing into an archive."""
    await uploaded(node, publish, WHEEL)
    steward = Steward(node.view, node.catalog.stewardship, node.catalog.pulse, node.view.clock)
    deed = Deed(who="ann", at=NOON)
    await node.catalog.stewardship.declare("stable", DEMO, Status.ARCHIVED, deed)
    with pytest.raises(Forbidden, match="archived in index stable"):
        await promote.push(V1, STABLE, "qa")
    await node.catalog.stewardship.declare("stable", DEMO, None, deed)
    await steward.declare("dev", DEMO, Status.QUARANTINED, "ann", "malware")
    with pytest.raises(Forbidden, match="quarantined"):
        await promote.push(V1, STABLE, "qa")
    assert (await node.catalog.ledger.own("stable", DEMO)).uploads is None


async def test_a_dry_run(node: Worker, publish: Publish, promote: Promote) -> None:
    """It says what would go, and nothing goes."""
    await uploaded(node, publish, WHEEL)
    done = await promote.push(V1, STABLE, "qa", dry=True)
    assert done.new == [WHEEL.filename]
    assert (await node.catalog.ledger.own("stable", DEMO)).uploads is None


@pytest.mark.parametrize(
    ("stated", "meant"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2999-01-01T00:00:00Z", NOON),
    ],
)
async def test_an_upstream_s_version(
    node: Worker, promote: Promote, upstream: Upstream, stated: str, meant: datetime
) -> None:
    """Its bytes become the target's own, with the upstream's time, if that is not to come yet."""
    upstream.add(WHEEL, upload_time=stated)

    await promote.push(V1, STABLE, "qa")

    (row,) = await rows(node)
    assert (row.digest, row.first_index, row.uploaded_by) == (WHEEL.sha256, "pypi", "qa")
    assert (row.uploaded_at, row.metadata) == (meant, WHEEL.metadata_sha256)
    with upstream.down():
        sight = await node.view.project("stable", DEMO)
        assert names(sight.offered) == [WHEEL.filename]
        assert await node.blobs.size(row.digest) == WHEEL.size


class Verifier:
    """Holds everything to be signed by the first publisher that is named, or by nobody."""

    def __init__(self, *, good: bool) -> None:
        self.good = good

    async def verify(
        self, attestations: Sequence[bytes], publishers: Sequence[Publisher]
    ) -> Publisher:
        assert attestations
        if not self.good:
            raise BadUpload(["a stranger signed it"])
        return publishers[0]


async def test_the_target_s_publishers(node: Worker, publish: Publish, promote: Promote) -> None:
    """Attestations are verified for the target, whoever the source trusts, or nothing goes."""
    said = json.dumps([attestation(statement(WHEEL))])
    await uploaded(node, publish, WHEEL, attestations=said)
    (before,) = await rows(node, "dev")
    named = (publisher("github:acme/demo/release.yml"),)
    strict = replace(STABLE, publishers=named)

    with pytest.raises(BadUpload, match="a stranger"):
        await _judged_by(Verifier(good=False), promote).push(V1, strict, "qa")
    assert (await node.catalog.ledger.own("stable", DEMO)).uploads is None

    await _judged_by(Verifier(good=True), promote).push(V1, strict, "qa")
    (row,) = await rows(node)
    assert row.provenance is not None
    body = b"".join([c async for c in node.blobs.read(row.provenance, 0, 1 << 20)])
    assert json.loads(body)["attestation_bundles"][0]["publisher"]["repository"] == "acme/demo"
    assert before.provenance not in {None, row.provenance}


def _judged_by(attestor: Attestor, promote: Promote) -> Promote:
    return dataclasses.replace(
        promote, publish=dataclasses.replace(promote.publish, attestor=attestor)
    )


async def test_provenance_goes_with_it(node: Worker, publish: Publish, promote: Promote) -> None:
    """Where the target names nobody, what was attested is told there as it was."""
    said = json.dumps([attestation(statement(WHEEL))])
    await uploaded(node, publish, WHEEL, attestations=said)
    await promote.push(V1, STABLE, "qa")
    (before,), (after,) = await rows(node, "dev"), await rows(node)
    assert after.provenance == before.provenance is not None


async def test_an_upstream_s_attestations(
    node: Worker, promote: Promote, upstream: Upstream
) -> None:
    """What an upstream attests is kept beside the file, as an upload's is."""
    body = provenance(attestation(statement(WHEEL)))
    beside = Built("demo.provenance", body, b"", "demo-beside", "1.0")
    where = upstream.add(beside)
    upstream.add(WHEEL, provenance=upstream.url + where)
    await promote.push(V1, STABLE, "qa")
    (row,) = await rows(node)
    assert row.provenance is not None


async def test_an_upstream_s_file_that_is_no_good(
    node: Worker, promote: Promote, upstream: Upstream
) -> None:
    """What would not be taken as an upload is not taken so either, nor what comes with it."""
    upstream.add(WHEEL)
    upstream.add(_broken())
    with pytest.raises(BadUpload):
        await promote.push(V1, STABLE, "qa")
    assert (await node.catalog.ledger.own("stable", DEMO)).uploads is None


def _broken() -> Built:
    other = sdist("demo", "1.0")
    return Built(other.filename, b"no archive", other.metadata, other.name, other.version)
