"""The cache within its limit: what goes, and what never does."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloche.core.errors import FileExists
from cloche.core.index import Index
from cloche.core.model import Digest, FileKey, ProjectName
from cloche.core.retention import Retained
from cloche.ports import Deed, Fetched
from cloche.service.evict import LATELY, Evict, Evicted, Gone
from cloche.service.limit import Limit
from cloche.service.past import Times
from cloche.service.pinned import Pins
from cloche.service.retain import Retain, Superfluous
from cloche.service.steward import Steward
from tests.blobs.samples import put
from tests.catalog.samples import NOON, held, sha256, upload
from tests.packages import Built, wheel
from tests.service.worker import PATIENT, Clock, Employ, Options, Worker, everything
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)
ONE, TWO, THREE = [wheel(f"demo{n}", "1.0", size=100_000) for n in (1, 2, 3)]
PROJECT = ProjectName("demo1")


@dataclass
class Scene:
    node: Worker
    upstream: Upstream
    clock: Clock
    folder: Path

    async def fetch(self, *files: Built) -> None:
        """Have them fetched, a day later each, and looked at long after that."""
        for built in files:
            self.upstream.add(built)
            assert await self.node.bytes_of(built) == built.content
            await self.node.fetch.close(patience=10)
            self.clock.move(86_400)
        self.age()

    def age(self) -> None:
        """Make what lies in the store as old as the clock says."""
        for path in (self.folder / "blobs" / "sha256").rglob("*"):
            if path.is_file():
                os.utime(path, (1, 1))

    def evicting(self, spared: Sequence[str] = ()) -> Evict:
        node, stored = self.node, self.node.catalog
        times = Times(
            node.files,
            node.cached,
            stored.chronicle,
            stored.journal,
            stored.snapshots,
            stored.policies,
            lambda *_: (),
            stored.pulse,
            self.clock,
        )
        return Evict(
            node.blobs,
            stored.upkeep,
            stored.usage,
            stored.accesses,
            stored.holdings,
            Pins(stored.snapshots, times, node.cached),
            ("pypi",),
            spared,
            self.clock,
        )

    async def evict(
        self, limit: int, *, dry_run: bool = False, spared: Sequence[str] = ()
    ) -> Evicted:
        return await self.evicting(spared).run(limit, dry_run=dry_run)

    async def kept(self) -> set[str]:
        return {each.digest async for each in self.node.blobs.list()}

    async def used(self, built: Built, *, said: bool = True) -> None:
        """Note that a client has fetched the file."""
        await self.node.catalog.accesses.add(
            [
                Fetched(
                    at=self.clock(),
                    index="main",
                    project=ProjectName(built.project),
                    version=built.version,
                    filename=built.filename,
                    digest=Digest(built.sha256) if said else None,
                    who=None,
                    address=None,
                    client="",
                )
            ]
        )
        self.clock.move(86_400)


@pytest.fixture
async def scene(employ: Employ, upstream: Upstream, tmp_path: Path) -> Scene:
    clock = Clock()
    node = await employ(Options(clock=clock, freshness=PATIENT))
    return Scene(node, upstream, clock, tmp_path)


async def test_the_least_recently_used_go(scene: Scene) -> None:
    """So much goes that the rest is within the limit, the least recently used first."""
    await scene.fetch(ONE, TWO, THREE)
    await scene.used(ONE)

    result = await scene.evict(250_000)

    assert result == Evicted(files=1, size=100_000, left=200_000)
    assert await scene.kept() == {ONE.sha256, THREE.sha256}
    assert await scene.evict(250_000) == Evicted(files=0, size=0, left=200_000)


async def test_used_by_its_name(scene: Scene) -> None:
    """Where the access journal has no digest, what was used is told by its name."""
    await scene.fetch(ONE, TWO)
    await scene.used(ONE, said=False)
    await scene.evict(150_000)

    assert await scene.kept() == {ONE.sha256}


async def test_what_went_is_fetched_anew(scene: Scene) -> None:
    """Whoever asks for a file that went gets it, and it is kept again."""
    await scene.fetch(ONE)
    await scene.evict(1)
    assert await scene.kept() == set()

    assert await scene.node.bytes_of(ONE) == ONE.content
    await scene.node.fetch.close(patience=10)
    assert await scene.kept() == {ONE.sha256}
    assert await scene.node.catalog.usage.total() == 100_000


async def test_a_reader_in_the_middle_goes_on(scene: Scene) -> None:
    """Who is reading a file when it goes reads it to its end."""
    big = wheel("big", "1.0", size=2_000_000)
    await scene.fetch(big)
    body = await scene.node.fetch.open(await scene.node.artifact(big))
    begun = await anext(body.chunks)
    scene.clock.move(86_400)
    assert (await scene.evict(1)).files == 1

    assert begun + await everything(body) == big.content


async def test_a_dry_run_changes_nothing(scene: Scene) -> None:
    """What would go is told, and stays."""
    await scene.fetch(ONE, TWO)
    told: list[Gone] = []

    result = await scene.evicting().run(100_000, dry_run=True, tell=told.append)

    assert result == Evicted(files=1, size=100_000, left=100_000)
    assert [(g.digest, g.files[0].filename) for g in told] == [(ONE.sha256, ONE.filename)]
    assert await scene.kept() == {ONE.sha256, TWO.sha256}
    assert await scene.node.catalog.usage.total() == 200_000


async def test_uploads_never_go(scene: Scene) -> None:
    """Bytes of an upload stay, also where they are an upstream's as well."""
    await scene.fetch(ONE)
    mine = await put(scene.node.blobs, scene.folder, b"mine")
    await scene.node.catalog.ledger.publish(upload(digest=mine, metadata=None))
    same = upload(digest=Digest(ONE.sha256), metadata=None, filename="other-1.0.tar.gz")
    await scene.node.catalog.ledger.publish(same)
    scene.age()

    assert await scene.evict(1) == Evicted(files=0, size=0, left=0)
    assert await scene.kept() == {ONE.sha256, mine}


async def test_what_a_snapshot_shows_stays(scene: Scene) -> None:
    """A file that a snapshot shows stays as long as that is there; a later version may go."""
    await scene.fetch(ONE)
    deed = Deed(who="ada", at=scene.clock())
    snapshots = scene.node.catalog.snapshots
    await snapshots.create("main", "then", None, deed)
    newer = wheel("demo1", "2.0", size=100_000)
    await scene.fetch(newer)

    assert (await scene.evict(1)).left == 100_000
    assert await scene.kept() == {ONE.sha256}
    await snapshots.delete("main", "then", deed)
    await scene.evict(1)
    assert await scene.kept() == set()


async def test_doubt_about_a_snapshot_keeps(
    employ: Employ, upstream: Upstream, tmp_path: Path
) -> None:
    """Where nobody can say what a snapshot shows of a project, its files stay."""
    clock = Clock()
    indexes = {"main": Index(name="main", sources=("pypi",), default=True)}
    node = await employ(Options(clock=clock, freshness=PATIENT, indexes=indexes))
    scene = Scene(node, upstream, clock, tmp_path)
    deed = Deed(who="ada", at=clock())
    await node.catalog.snapshots.create("main", "before", None, deed)
    old = wheel("demo1", "1.0", size=100_000)
    upstream.add(old, upload_time=None)
    assert await node.bytes_of(old) == old.content  # its page tells no times: who knows?
    await node.fetch.close(patience=10)
    clock.move(86_400)
    scene.age()

    assert await scene.evict(1) == Evicted(files=0, size=0, left=100_000)


async def test_a_spared_upstream(scene: Scene) -> None:
    """Of an upstream that is to be whole nothing goes."""
    await scene.fetch(ONE)

    assert await scene.evict(1, spared=["pypi"]) == Evicted(files=0, size=0, left=100_000)


async def test_what_cannot_be_had_again(scene: Scene) -> None:
    """A kept file that its upstream has deleted stays."""
    await scene.fetch(ONE)
    scene.upstream.remove(ONE)
    scene.upstream.add(wheel("demo1", "2.0"))
    await scene.node.page("demo1")
    scene.clock.move(86_400)

    assert (await scene.evict(1)).files == 0
    wanted = await scene.node.files.find("main", PROJECT, FileKey(ONE.sha256), ONE.filename)
    assert await everything(await scene.node.files.open(wanted, 0, None)) == ONE.content


async def test_what_its_upstream_never_listed(scene: Scene) -> None:
    """A kept file that the upstream's page does not have, as another system's may be, stays."""
    await scene.fetch(ONE)
    digest = await put(scene.node.blobs, scene.folder, b"of old")
    old = held(digest=digest, size=6, project=PROJECT, filename="demo1-0.1.tar.gz", at=NOON)
    await scene.node.catalog.pages.hold(old)
    scene.age()
    scene.clock.move(86_400 * 1000)

    assert await scene.evict(1) == Evicted(files=1, size=100_000, left=6)
    assert await scene.kept() == {digest}


async def test_what_came_a_moment_ago_stays(scene: Scene) -> None:
    """What was fetched lately stays, whatever the limit: somebody may be about to use it."""
    scene.upstream.add(ONE)
    await scene.node.bytes_of(ONE)
    await scene.node.fetch.close(patience=10)
    scene.age()
    scene.clock.move(LATELY.total_seconds() - 1)
    assert (await scene.evict(1)).files == 0

    scene.clock.move(2)
    assert (await scene.evict(1)).files == 1


async def test_bytes_that_somebody_puts_just_now(scene: Scene) -> None:
    """Bytes that an upload has put again, and has no row for yet, are left for that."""
    await scene.fetch(ONE)
    scene.clock.now = datetime.now(UTC)
    await put(scene.node.blobs, scene.folder, ONE.content)
    await scene.evict(1)

    assert await scene.kept() == {ONE.sha256}


async def test_one_process_keeps_the_limit(scene: Scene) -> None:
    """Of those that keep the limit one does, and when it is gone another."""
    await scene.fetch(ONE, TWO)
    usage, leases = scene.node.catalog.usage, scene.node.catalog.leases
    first, second = [Limit(scene.evicting(), leases, scene.clock, 100_000) for _ in range(2)]

    assert [await first.look(), await second.look(), await first.look()] == [True, False, True]
    assert await usage.total() == 100_000
    scene.clock.move(7200)
    assert await second.look()


def retaining(scene: Scene) -> Retain:
    node = scene.node
    return Retain(
        scene.evicting(),
        node.catalog.holdings,
        node.catalog.recalls,
        node.catalog.uses,
        node.catalog.ledger,
        Steward(node.view, node.catalog.stewardship, node.catalog.pulse, scene.clock),
        scene.clock,
    )


async def retained(scene: Scene, kept: Retained, *, dry_run: bool = False) -> list[str]:
    """What goes of the upstream and of the index that these rules do not keep."""
    found: list[Superfluous] = []
    retain = retaining(scene)
    await retain.upstream("pypi", kept, found.append, dry_run=dry_run)
    await retain.index("main", kept, found.append, dry_run=dry_run)
    return [each.filename for each in found]


async def test_retention_of_an_upstream(scene: Scene) -> None:
    """Versions that are neither new nor used go, but for what a snapshot shows."""
    versions = [wheel("demo1", f"{n}.0", size=100_000) for n in (1, 2, 3, 4)]
    await scene.fetch(versions[0])
    await scene.node.catalog.snapshots.create(
        "main", "then", None, Deed(who="ada", at=scene.clock())
    )
    await scene.fetch(*versions[1:])
    await scene.used(versions[1])
    rules = Retained(newest=1, fetched_within=timedelta(days=1, hours=1))

    assert await retained(scene, rules, dry_run=True) == [versions[2].filename]
    assert await retained(scene, rules) == [versions[2].filename]
    assert await retained(scene, rules) == []
    assert await scene.kept() == {v.sha256 for v in versions} - {versions[2].sha256}


async def test_retention_of_uploads(scene: Scene) -> None:
    """Uploads go as by their manager: journaled, their names taken for ever."""
    stored = scene.node.catalog
    for version in ("1.0", "2.0"):
        await stored.ledger.publish(upload(version=version, said=version, metadata=None))

    assert await retained(scene, Retained(newest=1), dry_run=True) == ["demo-1.0.tar.gz"]
    assert await retained(scene, Retained(newest=1)) == ["demo-1.0.tar.gz"]

    left = await stored.ledger.files("main", ProjectName("demo"))
    assert [each.version for each in left] == ["2.0"]
    [*_, entry] = await stored.stewardship.journal("main", ProjectName("demo"), 0, 100)
    assert (entry.action, entry.who, entry.filename) == (
        "file deleted", "cloche gc", "demo-1.0.tar.gz",
    )  # fmt: skip
    with pytest.raises(FileExists):
        await stored.ledger.publish(upload(version="1.0", said="other", metadata=None))


async def test_uploads_that_were_fetched_lately(scene: Scene) -> None:
    """They stay, though nothing else has looked at the access journal since."""
    stored = scene.node.catalog
    for version in ("1.0", "2.0"):
        made = upload(version=version, said=version, metadata=None, uploaded_at=scene.clock())
        await stored.ledger.publish(made)
    scene.clock.move(30 * 86_400)
    fetched = Fetched(
        at=scene.clock(),
        index="main",
        project=ProjectName("demo"),
        version="1.0",
        filename="demo-1.0.tar.gz",
        digest=sha256("1.0"),
        who=None,
        address=None,
        client="pip",
    )
    await stored.accesses.add([fetched])
    found: list[Superfluous] = []

    kept = Retained(fetched_within=DAY)
    await retaining(scene).index("main", kept, found.append, dry_run=False)

    assert [each.filename for each in found] == ["demo-2.0.tar.gz"]
