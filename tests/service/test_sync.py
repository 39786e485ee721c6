"""Mirrors: what is brought ahead of need, and what is taken back; all of it put together."""

import asyncio
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as replace_
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
import tomli_w
from msgspec.structs import replace

from cloche.app.plans import plans
from cloche.app.services import Services, opened
from cloche.app.syncs import schedules
from cloche.cli._running import stand
from cloche.cli._syncing import Stand
from cloche.config import load
from cloche.core.errors import BadSetting, Error, NoSuchProject, Occupied, UpstreamLies
from cloche.core.model import ProjectName
from cloche.core.plan import Done
from cloche.service.needing import Needing
from cloche.service.one import Result
from tests.listed import Listed, listed
from tests.packages import Built, sdist, wheel
from tests.waiting import until

pytestmark = pytest.mark.anyio

ONE, TWO, SDIST = wheel("demo", "1.0"), wheel("demo", "2.0"), sdist("demo", "1.0")
OTHER = wheel("other", "1.0")
LARGE = wheel("large", "1.0", size=3_000_000)


@pytest.fixture
def world() -> Iterator[Listed]:
    with listed() as found:
        found.publish(ONE, TWO, SDIST, OTHER)
        found.requests()
        yield found


@dataclass
class Watcher:
    causes: dict[str, str] = field(default_factory=dict)

    def expect(self, *, projects: int = 0, files: int = 0, size: int = 0) -> None: ...

    def done(self, *, projects: int = 0, files: int = 0, size: int = 0) -> None: ...

    def settled(self, upstream: str, project: ProjectName, result: Result) -> None:  # noqa: ARG002 - the protocol's
        for filename, cause in result.causes:
            self.causes[filename or project] = cause


@dataclass
class Mirror:
    """A data folder, and the settings that are put into its file anew each time."""

    folder: Path
    world: Listed
    mirror: dict[str, Any] = field(default_factory=lambda: {"mode": "all"})
    rules: list[dict[str, Any]] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    causes: dict[str, str] = field(default_factory=dict)

    async def sync(self, *names: str, **how: bool) -> Done:
        async with self.open() as (services, chosen):
            watcher = Watcher()
            (plan,) = chosen(names, how)
            done = await services.syncs.of(plan).run(watcher)
            self.causes = watcher.causes
            return done

    def open(self) -> "_Open":
        upstream = {"url": self.world.simple, "mirror": self.mirror, "attempts": 1, **self.more}
        tables = {
            "upstream": {"pypi": upstream},
            "index": {"main": {"sources": ["pypi"], "rule": self.rules, "uploads": True}},
        }
        file = self.folder / "cloche.toml"
        file.write_text(tomli_w.dumps(tables))
        return _Open(file, self.folder / "data")

    async def stand(self) -> Stand:
        async with self.open() as (services, _):
            return await stand(services.syncs, "pypi")

    async def files(self, project: str = "demo") -> set[str]:
        """What is kept of a project, by the names that people would fetch."""
        async with self.open() as (services, _):
            held = await services.syncs.stored.holdings.files("pypi", ProjectName(project))
            for each in held:
                assert await services.fetch.blobs.size(each.digest) == each.size
            return {each.filename for each in held}

    async def page(self, project: str) -> set[str]:
        async with self.open() as (services, _):
            try:
                shown = await services.shelf.get("main", ProjectName(project))
            except NoSuchProject:
                return set()
            return {file.filename for file in shown.page.files}


class _Open:
    def __init__(self, file: Path, data: Path) -> None:
        self.settings = load(file, data, environ={})

    async def __aenter__(self) -> tuple[Services, Any]:
        self._opened = opened(self.settings, patience=1)
        return await self._opened.__aenter__(), self._chosen

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._opened.__aexit__(kind, error, trace)

    def _chosen(self, names: tuple[str, ...], how: dict[str, bool]) -> Any:
        return [replace(each, **how) for each in plans(self.settings, names)]


@pytest.fixture
def mirror(tmp_path: Path, world: Listed) -> Mirror:
    return Mirror(tmp_path, world)


def names(*built: Built) -> set[str]:
    """Of these files, and of what lies beside wheels."""
    wheels = {each.filename for each in built if each.filename.endswith(".whl")}
    return {each.filename for each in built} | {f"{each}.metadata" for each in wheels}


async def test_everything(mirror: Mirror, world: Listed) -> None:
    """Every file is brought, and its metadata out of it: one request for each page and file."""
    done = await mirror.sync()

    asked = world.requests()
    assert (done.projects, done.files, done.failed) == (2, 4, 0)
    assert await mirror.files() == names(ONE, TWO, SDIST)
    assert await mirror.files("other") == names(OTHER)
    assert sorted(asked) == sorted(
        {"/simple/", "/simple/demo/", "/simple/other/"}
        | {f"/files/{each.project}/{each.filename}" for each in (ONE, TWO, SDIST, OTHER)}
    )
    found = await mirror.stand()
    assert (found.complete, found.lag, found.held) == (True, 0, found.projects)
    assert (found.held.projects, found.held.files) == (2, 4)


async def test_nothing_changed(mirror: Mirror, world: Listed) -> None:
    """If nothing has changed, one request finds that out."""
    await mirror.sync()
    world.requests()

    assert (await mirror.sync()).projects == 0
    assert world.requests() == ["/simple/"]


async def test_what_changed(mirror: Mirror, world: Listed) -> None:
    """Of what is new nothing is asked for but that."""
    await mirror.sync()
    world.requests()
    new = wheel("demo", "3.0")
    world.publish(new)

    await mirror.sync()

    assert world.requests() == ["/simple/", "/simple/demo/", f"/files/demo/{new.filename}"]
    assert await mirror.files() == names(ONE, TWO, SDIST, new)


async def test_large(mirror: Mirror, world: Listed) -> None:
    """A large file comes by the spool, and its metadata as well."""
    world.publish(LARGE)
    await mirror.sync()

    assert await mirror.files("large") == names(LARGE)


async def test_served_without(mirror: Mirror, world: Listed) -> None:
    """What was brought is served with the upstream away."""
    await mirror.sync()
    world.broken = {f"/simple/{name}/": 500 for name in ("demo", "other")}

    assert await mirror.page("demo") == {ONE.filename, TWO.filename, SDIST.filename}


@pytest.mark.parametrize(
    ("gone", "kept", "shown"),
    [
        ("drop", set[str](), set[str]()),
        ("hide", names(OTHER), set[str]()),
        ("keep", names(OTHER), {OTHER.filename}),
    ],
)
async def test_project_gone(
    mirror: Mirror, world: Listed, gone: str, kept: set[str], shown: set[str]
) -> None:
    """A project that is listed no longer is dropped, hidden or kept, as the settings say."""
    mirror.mirror["gone"] = gone
    await mirror.sync()
    world.delete("other")
    await mirror.sync()

    assert await mirror.files("other") == kept
    assert await mirror.page("other") == shown
    assert await mirror.files() == names(ONE, TWO, SDIST)
    assert (await mirror.stand()).complete


@pytest.mark.parametrize("gone", ["drop", "hide"])
async def test_file_gone(mirror: Mirror, world: Listed, gone: str) -> None:
    """A file that its page lists no longer leaves the page, and the store if it is dropped."""
    mirror.mirror["gone"] = gone
    await mirror.sync()
    world.delete("demo", ONE.filename)
    await mirror.sync()

    left = names(TWO, SDIST) if gone == "drop" else names(ONE, TWO, SDIST)
    assert await mirror.files() == left
    assert await mirror.page("demo") == {TWO.filename, SDIST.filename}


async def test_gone_and_back(mirror: Mirror, world: Listed) -> None:
    """What is published again is brought again."""
    mirror.mirror["gone"] = "drop"
    await mirror.sync()
    world.delete("other")
    await mirror.sync()
    world.publish(OTHER)
    await mirror.sync()

    assert await mirror.files("other") == names(OTHER)


async def test_list_shrinks(mirror: Mirror, world: Listed) -> None:
    """An empty list is not believed, and nothing is dropped for it, unless somebody says so."""
    mirror.mirror["gone"] = "drop"
    await mirror.sync()
    world.files.clear()
    world.change("demo")

    with pytest.raises(UpstreamLies, match="--allow-shrink"):
        await mirror.sync()
    assert await mirror.files() == names(ONE, TWO, SDIST)

    await mirror.sync(shrink=True)
    assert await mirror.files() == set()


async def test_one_bad_project(mirror: Mirror, world: Listed) -> None:
    """A project that fails keeps no other from coming, is told of, and is tried again."""
    world.broken["/simple/demo/"] = 500
    done = await mirror.sync()

    assert (done.failed, set(mirror.causes)) == (1, {"demo"})
    assert await mirror.files("other") == names(OTHER)
    found = await mirror.stand()
    assert (found.complete, found.failed, found.lag) == (False, 1, 0)
    assert [each.project for each in found.failures] == ["demo"]

    world.broken.clear()
    world.requests()
    await mirror.sync()
    assert "/simple/other/" not in world.requests()
    assert (await mirror.stand()).complete


async def test_patience(mirror: Mirror, world: Listed) -> None:
    """A schedule tries again what failed when its time has come, and not before."""
    world.broken["/simple/demo/"] = 500
    await mirror.sync()
    world.requests()

    await mirror.sync(patient=True)

    assert world.requests() == ["/simple/"]


async def test_wrong_bytes(mirror: Mirror, world: Listed) -> None:
    """A file whose bytes are others is not kept, and told of; the rest of its project comes."""
    world.wrong.add(ONE.filename)
    await mirror.sync()

    assert await mirror.files() == names(TWO, SDIST)
    assert set(mirror.causes) == {ONE.filename}
    found = await mirror.stand()
    assert (found.held.files, found.projects.files) == (3, 4)

    world.wrong.clear()
    world.requests()
    await mirror.sync()
    assert world.requests() == ["/simple/", f"/files/demo/{ONE.filename}"]
    assert await mirror.files() == names(ONE, TWO, SDIST)


@pytest.mark.parametrize("listed_by", ["sha256", "md5"])
async def test_kept_under_their_sha256(mirror: Mirror, world: Listed, listed_by: str) -> None:
    """Whichever hash a page tells, what is kept is named by the sha256 of its own bytes."""
    world.listed_by = listed_by
    world.wrong.add(ONE.filename)
    await mirror.sync()

    async with mirror.open() as (services, _):
        held = await services.syncs.stored.holdings.files("pypi", ProjectName("demo"))
        for each in held:
            parts = services.fetch.blobs.read(each.digest, 0, each.size)
            data = b"".join([part async for part in parts])
            assert hashlib.sha256(data).hexdigest() == each.digest
    assert {each.filename for each in held} == names(TWO, SDIST)


async def test_stale_page(mirror: Mirror, world: Listed) -> None:
    """A page that is older than its project is listed is not taken: the project stays due."""
    await mirror.sync()
    world.publish(wheel("demo", "3.0"))
    world.pages["demo"] = world.serial - 1
    await mirror.sync()

    assert "a cache there is behind" in mirror.causes["demo"]
    assert await mirror.files() == names(ONE, TWO, SDIST)

    world.pages.clear()
    await mirror.sync()
    assert await mirror.files() == names(ONE, TWO, SDIST, wheel("demo", "3.0"))


async def test_serial_jumps_back(mirror: Mirror, world: Listed) -> None:
    """A serial that is another one, if a lower one, is a change."""
    await mirror.sync()
    world.publish(wheel("demo", "3.0"))
    world.at["demo"] = 1
    await mirror.sync()

    assert await mirror.files() == names(ONE, TWO, SDIST, wheel("demo", "3.0"))


async def test_serial_stalls(mirror: Mirror, world: Listed) -> None:
    """What an upstream changes without a new serial is found by a full run."""
    await mirror.sync()
    serial = world.at["demo"]
    world.publish(wheel("demo", "3.0"))
    world.at["demo"] = serial
    await mirror.sync()
    assert await mirror.files() == names(ONE, TWO, SDIST)

    await mirror.sync(full=True)
    assert await mirror.files() == names(ONE, TWO, SDIST, wheel("demo", "3.0"))


async def test_without_serials(mirror: Mirror, world: Listed) -> None:
    """Where there are no serials each page is asked for by its ETag, and names are compared."""
    world.serials = False
    await mirror.sync()
    world.requests()
    world.publish(wheel("demo", "3.0"))
    del world.files["other"]
    await mirror.sync()

    assert set(world.requests()) == {
        "/simple/",
        "/simple/demo/",
        f"/files/demo/{wheel('demo', '3.0').filename}",
    }
    assert await mirror.page("other") == set()


async def test_listed_without_a_page(mirror: Mirror, world: Listed) -> None:
    """A listed project that has no page is looked for thrice, and then believed to have none."""
    world.broken["/simple/demo/"] = 404
    for _ in range(2):
        assert (await mirror.sync()).failed == 1
    assert (await mirror.sync()).failed == 0
    world.requests()

    await mirror.sync()
    assert world.requests() == ["/simple/"]
    assert (await mirror.stand()).complete


async def test_pages_only(mirror: Mirror) -> None:
    """In the mode `pages` pages and metadata come ahead, and files when they are asked for."""
    mirror.mirror["mode"] = "pages"
    await mirror.sync()

    assert await mirror.files() == {f"{each.filename}.metadata" for each in (ONE, TWO)}
    assert await mirror.page("demo") == {ONE.filename, TWO.filename, SDIST.filename}


@pytest.mark.parametrize("patterns", [["demo"], ["d*"], ["/^de?mo$/"]])
async def test_chosen(mirror: Mirror, world: Listed, patterns: list[str]) -> None:
    """Projects are chosen by name, glob or regular expression; of no other anything is asked."""
    mirror.mirror["projects"] = patterns
    await mirror.sync()

    assert await mirror.files() == names(ONE, TWO, SDIST)
    assert "/simple/other/" not in world.requests()
    assert (await mirror.stand()).projects.projects == 1


async def test_chosen_no_longer(mirror: Mirror) -> None:
    """What is chosen no longer is dropped, and what is chosen again comes again."""
    await mirror.sync()
    mirror.mirror["projects"] = ["demo"]
    done = await mirror.sync()

    assert (done.dropped, await mirror.files("other")) == (1, set())
    del mirror.mirror["projects"]
    await mirror.sync()
    assert await mirror.files("other") == names(OTHER)


async def test_rules(mirror: Mirror, world: Listed) -> None:
    """What a rule withholds is not brought."""
    mirror.rules = [{"kind": "kinds", "no": ["sdist"]}]
    await mirror.sync()

    assert await mirror.files() == names(ONE, TWO)
    assert not any(each.endswith(".tar.gz") for each in world.requests())


async def test_rules_are_retroactive(mirror: Mirror, world: Listed) -> None:
    """What a new rule denies is dropped, and comes back with the rule gone, without a new page."""
    await mirror.sync()
    mirror.rules = [{"kind": "kinds", "no": ["sdist"]}]
    dry = await mirror.sync(dry=True)
    done = await mirror.sync()

    assert (dry.dropped, done.dropped) == (1, 1)
    assert await mirror.files() == names(ONE, TWO)

    mirror.rules = []
    world.requests()
    assert (await mirror.sync(dry=True)).files == 1
    world.requests()
    assert (await mirror.sync()).files == 1
    assert world.requests() == ["/simple/"]  # its bytes had not been swept yet
    assert await mirror.files() == names(ONE, TWO, SDIST)


async def test_rules_by_name(mirror: Mirror, world: Listed) -> None:
    """A project that rules withhold by its name alone is not asked for."""
    mirror.rules = [{"kind": "deny", "what": ["demo"]}]
    await mirror.sync()

    assert "/simple/demo/" not in world.requests()
    assert await mirror.files("other") == names(OTHER)


async def test_dry_run(mirror: Mirror) -> None:
    """A dry run says what would come, and keeps nothing."""
    done = await mirror.sync(dry=True)

    assert (done.projects, done.files, done.size > 0) == (2, 4, True)
    assert await mirror.files() == set()
    assert (await mirror.stand()).projects.projects == 0


async def test_quarantined(mirror: Mirror, world: Listed) -> None:
    """A project in quarantine is shown no longer, and dropped if what is gone is."""
    mirror.mirror["gone"] = "drop"
    await mirror.sync()
    world.status["other"] = "quarantined"
    world.change("other")
    await mirror.sync()

    assert await mirror.files("other") == set()
    assert (await mirror.stand()).complete


async def test_yanked(mirror: Mirror, world: Listed) -> None:
    """A yank is followed: the file is kept, and its page says so."""
    await mirror.sync()
    world.yanked[ONE.filename] = "broken"
    world.change("demo")
    await mirror.sync()

    async with mirror.open() as (services, _):
        shown = await services.shelf.get("main", ProjectName("demo"))
        file = shown.page.find(ONE.filename)
    assert file is not None
    assert file.yanked == "broken"
    assert await mirror.files() == names(ONE, TWO, SDIST)


async def test_twice_at_once(mirror: Mirror) -> None:
    """Two runs on one upstream do not meet: the second is told of the first."""
    async with mirror.open() as (services, chosen):
        (plan,) = chosen((), {})
        first = services.syncs.of(plan)
        async with first.alone.doing("the sync of upstream pypi"):
            with pytest.raises(Occupied, match="under way"):
                await services.syncs.of(plan).run(Watcher())
        await first.run(Watcher())


async def test_interrupted(mirror: Mirror) -> None:
    """A run that is stopped in the middle is gone on with, and what came does not come again."""
    async with mirror.open() as (services, chosen):
        (plan,) = chosen((), {})

        class Stopping(Watcher):
            def settled(self, upstream: str, project: ProjectName, result: Result) -> None:
                super().settled(upstream, project, result)
                running.cancel()

        running = asyncio.ensure_future(services.syncs.of(plan).run(Stopping()))
        with pytest.raises(asyncio.CancelledError):
            await running
    await mirror.sync()

    assert await mirror.files() == names(ONE, TWO, SDIST)
    assert await mirror.files("other") == names(OTHER)
    assert (await mirror.stand()).complete


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"mode": "on_demand"}, "nothing of it is chosen"),
        ({"mode": "all", "projects": ["/(/"]}, "no regular expression"),
        ({"mode": "some"}, "mode"),
    ],
)
async def test_bad_settings(mirror: Mirror, table: dict[str, Any], sentence: str) -> None:
    """What cannot be meant is refused with its cure."""
    mirror.mirror = table
    with pytest.raises(BadSetting, match=sentence):
        await mirror.sync("pypi")


async def test_contradiction(mirror: Mirror) -> None:
    """Of what is gone upstream one thing becomes, whichever key says it."""
    mirror.mirror["gone"] = "drop"
    mirror.more["recall"] = {"deleted": "keep"}
    with pytest.raises(BadSetting, match="contradict"):
        await mirror.sync()


async def test_unknown_name(mirror: Mirror) -> None:
    """A name that is neither an index nor an upstream is refused."""
    with pytest.raises(BadSetting, match="neither an index nor an upstream"):
        await mirror.sync("nope")


async def test_index(mirror: Mirror) -> None:
    """An index means its upstreams."""
    assert (await mirror.sync("main")).files == 4


async def test_no_list(mirror: Mirror, world: Listed) -> None:
    """Where an upstream has no list, projects that are named are asked for; others cannot be."""
    world.broken["/simple/"] = 404
    with pytest.raises(Error, match="no list of its projects"):
        await mirror.sync()

    mirror.mirror["projects"] = ["demo"]
    await mirror.sync()
    assert await mirror.files() == names(ONE, TWO, SDIST)


async def test_requirements(mirror: Mirror) -> None:
    """What requirements name is chosen, in files beside the settings; a change of them counts."""
    file = mirror.folder / "wanted.txt"
    mirror.mirror["requirements"] = [file.name]
    file.write_text("other>=1\n")
    await mirror.sync()
    assert await mirror.files() == set()
    assert await mirror.files("other") == names(OTHER)

    file.write_text("demo\n")
    await mirror.sync()
    assert await mirror.files() == names(ONE, TWO, SDIST)
    assert await mirror.files("other") == set()


async def test_requirements_of_nothing(mirror: Mirror) -> None:
    """Requirements that name nothing do not mean everything."""
    (mirror.folder / "wanted.txt").write_text("# nothing\n")
    mirror.mirror["requirements"] = ["wanted.txt"]

    with pytest.raises(BadSetting, match="name no project"):
        await mirror.sync()


async def test_schedule(mirror: Mirror, world: Listed) -> None:
    """A server syncs by itself, again and again, and an upstream that is away ends nothing."""
    mirror.mirror["every"] = 1
    world.broken["/simple/"] = 500
    async with mirror.open() as (services, _):
        (schedule,) = schedules(mirror.open().settings, services.syncs)
        schedule = replace_(schedule, every=timedelta(milliseconds=100))
        running = asyncio.ensure_future(schedule.run())
        try:
            await asyncio.to_thread(until, lambda: world.asked)
            assert not running.done()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        world.broken.clear()
        running = asyncio.ensure_future(schedule.run())
        try:
            await asyncio.to_thread(until, lambda: world.asked.count("/simple/") > 3)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    assert await mirror.files() == names(ONE, TWO, SDIST)


def needing(name: str, *requires: str, version: str = "1.0", python: str | None = None) -> Built:
    return wheel(name, version, requires=requires, requires_python=python)


async def test_dependencies(mirror: Mirror, world: Listed) -> None:
    """What the chosen need is wanted too, and what that needs, in each of the environments."""
    world.publish(
        needing("app", "lib[fast]>=2; python_version < '4'", "never; sys_platform == 'win32'"),
        needing("lib", "old", version="1.0"),
        needing("lib", "deep", "quick; extra == 'fast'", "slow; extra == 'slow'", version="2.0"),
        *(needing(name) for name in ("deep", "quick", "old", "slow", "never")),
    )
    linux = {"python": "3.12", "platform": "manylinux_2_28_x86_64"}
    mirror.mirror |= {"projects": ["app"], "dependencies": True, "environments": [linux]}
    await mirror.sync()

    found = {each for each in world.files if await mirror.files(each)}
    assert found == {"app", "lib", "deep", "quick"}
    world.requests()
    await mirror.sync()
    assert world.requests() == ["/simple/"]

    mirror.mirror["environments"] = [linux, {"python": "3.12", "platform": "win_amd64"}]
    await mirror.sync()
    assert await mirror.files("never") == names(needing("never"))


LINUX = {"python": "3.12", "platform": "manylinux_2_28_x86_64"}
OLD_LINUX = {"python": "3.9", "platform": "manylinux_2_28_x86_64"}


def require(mirror: Mirror, *lines: str, environments: Sequence[dict[str, str]] = (LINUX,)) -> None:
    """Have the mirror bring what these lines require, for these environments."""
    (mirror.folder / "wanted.txt").write_text("\n".join(lines))
    mirror.mirror |= {
        "requirements": ["wanted.txt"],
        "dependencies": True,
        "environments": [*environments],
    }


async def test_versions(mirror: Mirror, world: Listed) -> None:
    """Of what requirements name, and of what that needs, the versions are brought that satisfy."""
    deep = [needing("deep", version=each) for each in ("1.0", "2.0", "3.0rc1")]
    lib = [
        needing("lib", "deep<2" if each == "1.0" else "deep", version=each)
        for each in ("1.0", "2.0")
    ]
    world.publish(needing("app", "lib"), needing("app", "lib<2", version="2.0"), *lib, *deep)
    require(mirror, "app==1.0")
    await mirror.sync()

    assert await mirror.files("app") == names(needing("app"))
    assert await mirror.files("lib") == names(lib[1])
    assert await mirror.files("deep") == names(deep[1])
    world.requests()
    assert (await mirror.sync()).projects == 0
    assert world.requests() == ["/simple/"]

    require(mirror, "app")
    await mirror.sync()
    assert await mirror.files("lib") >= names(lib[0])
    assert await mirror.files("deep") >= names(deep[0])
    assert (await mirror.stand()).complete


async def test_another_version(
    mirror: Mirror, world: Listed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a new version needs of a project that is here is brought; by the next run if need be."""
    world.publish(needing("app", "lib<2"), needing("lib"), needing("lib", version="2.0"))
    require(mirror, "app")
    await mirror.sync()
    assert await mirror.files("lib") == names(needing("lib"))

    world.publish(needing("app", "lib>=2", version="2.0"))
    look = Needing.look

    async def once(self: Needing, listed: Iterable[ProjectName]) -> bool:
        return False if self.needed.asked else await look(self, listed)

    with monkeypatch.context() as patched:
        patched.setattr(Needing, "look", once)  # the run ends before it knows
        await mirror.sync()
    assert await mirror.files("lib") == names(needing("lib"))

    await mirror.sync()
    assert await mirror.files("lib") == names(needing("lib"), needing("lib", version="2.0"))


async def test_extras_of_lines(mirror: Mirror, world: Listed) -> None:
    """A line with an extra brings what that needs, an extra of extras too, and no other."""
    world.publish(
        needing(
            "app", "app[fast]; extra == 'all'", "quick; extra == 'fast'", "slow; extra == 'slow'"
        ),
        needing("app", "newer; extra == 'fast'", version="2.0"),
        *(needing(name) for name in ("quick", "slow", "newer")),
    )
    require(mirror, "app[All]==1.0")
    await mirror.sync()

    assert {each for each in world.files if await mirror.files(each)} == {"app", "quick"}


async def test_environments_that_conflict(mirror: Mirror, world: Listed) -> None:
    """What is newest for one environment and what is for another are both kept, and no third."""
    old = needing("lib", version="1.0")
    middle = needing("lib", "deep<2", version="2.0", python=">=3.8")
    new = needing("lib", "deep", version="3.0", python=">=3.10")
    world.publish(needing("app", "lib"), old, middle, new)
    world.publish(needing("deep"), needing("deep", version="2.0"))
    require(mirror, "app", environments=[LINUX, OLD_LINUX])
    await mirror.sync()

    assert await mirror.files("lib") == names(middle, new)
    assert await mirror.files("deep") == names(needing("deep"), needing("deep", version="2.0"))


async def test_dependencies_of_sdists(mirror: Mirror, world: Listed) -> None:
    """An sdist's dependencies are followed if they are static; of another it is said."""
    static = sdist("static", "1.0", requires=["other"])
    dynamic = sdist("dynamic", "1.0", fields=[("Dynamic", "Requires-Dist")])
    world.publish(static, dynamic)
    require(mirror, "static", "dynamic")
    done = await mirror.sync()

    assert await mirror.files("other") == names(OTHER)
    only = "it only comes as an sdist that does not say them"
    assert done.notes == (f"dependencies of dynamic 1.0 are not known: {only}",)
    assert done.failed == 0


async def test_dependency_that_ends(mirror: Mirror, world: Listed) -> None:
    """What is needed no longer is dropped, as what is chosen no longer is."""
    world.publish(needing("app", "other"))
    mirror.mirror |= {"projects": ["app"], "dependencies": True}
    await mirror.sync()
    assert await mirror.files("other") == names(OTHER)

    world.publish(needing("app", version="2.0"))
    await mirror.sync()  # from here on it is known
    await mirror.sync()
    assert await mirror.files("other") == set()
