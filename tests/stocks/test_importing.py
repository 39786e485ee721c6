"""Bringing over what another system has kept: into an index, or an upstream's cache."""

import json
import os
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cloche import stocks
from cloche.app.importing import importing
from cloche.app.services import Services, opened
from cloche.config import Settings, load
from cloche.core.errors import BadSetting, Forbidden, StorageFull
from cloche.core.marks import MAX_REASON, Part
from cloche.core.model import File, ProjectName
from cloche.ports import Way
from cloche.service.imports import Brought, Documented, Event, Here, Paged, Refused
from cloche.spool import Spool
from tests.cli.program import run
from tests.packages import wheel
from tests.service.full_disk import room_for
from tests.stocks.samples import (
    FILES,
    PLACES,
    REASON,
    SALT,
    SALT_SDIST,
    THEN,
    bandersnatch,
    bandersnatch_without_json,
    devpi,
    folder,
    proxpi,
    put,
    pypi_json,
)
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

NAMES = {built.filename for built in FILES}
NAME = ProjectName("salt")


def settings(root: Path, *, offline: bool = True, **flags: Any) -> Settings:
    said = {"server.offline": offline, **flags}
    return load(None, root / "data", said, {})


async def events(
    root: Path,
    source: Path | str,
    to: str = "main",
    *,
    way: Way = "copy",
    part: str | None = None,
    jobs: int = 2,
    under: Settings | None = None,
) -> list[Event]:
    """Run it as the command does, and return all that it tells."""
    under = under or settings(root)
    async with opened(under, patience=0) as services:
        made = await importing(under, services, str(source), to, kind=None, part=part, way=way)
        async with aclosing(made.run(jobs=jobs)) as told:
            return [event async for event in told]


def brought(told: list[Event]) -> set[str]:
    return {event.filename for event in told if isinstance(event, Brought)}


def here(told: list[Event]) -> set[str]:
    return {event.filename for event in told if isinstance(event, Here)}


def refused(told: list[Event]) -> dict[str, str]:
    return {event.path: event.why for event in told if isinstance(event, Refused)}


async def shown(root: Path, index: str = "main") -> dict[str, File]:
    """The files that the index shows of the project, when nobody is asked."""
    async with opened(settings(root), patience=0) as services:
        page = (await services.shelf.get(index, NAME)).page
        return {file.filename: file for file in page.files}


async def content(services: Services, file: File, end: str = "") -> bytes:
    """What a client gets under the file's URL."""
    wanted = await services.files.find("main", NAME, file.key, file.filename + end)
    body = await services.files.open(wanted, 0, None)
    return b"".join([chunk async for chunk in body.chunks])


@pytest.fixture
def wheelhouse(tmp_path: Path) -> Path:
    folder(tmp_path / "wheelhouse")
    return tmp_path / "wheelhouse"


@pytest.mark.parametrize("name", PLACES)
async def test_what_other_systems_know(tmp_path: Path, name: str) -> None:
    """Bytes, times and yanks come along, as far as the system had recorded them, and once."""
    PLACES[name](tmp_path / "stock")

    first = await events(tmp_path, tmp_path / "stock")
    second = await events(tmp_path, tmp_path / "stock")

    assert (brought(first), refused(first)) == (NAMES, {})
    assert (here(second), brought(second)) == (NAMES, set())
    found = await shown(tmp_path)
    stated = THEN.replace(microsecond=0) if name == "devpi" else THEN
    assert {file.upload_time for file in found.values()} == {stated}
    reason = {"bandersnatch": REASON, "bandersnatch without json": True}.get(name, False)
    assert (found[SALT.filename].yanked, found[SALT_SDIST.filename].yanked) == (False, reason)
    async with opened(settings(tmp_path), patience=0) as services:
        for built in FILES:
            assert await content(services, found[built.filename]) == built.content
        assert await content(services, found[SALT.filename], ".metadata") == SALT.metadata


@pytest.mark.parametrize("said", [True, "", REASON])
async def test_yanks_of_devpis_mirrors(tmp_path: Path, *, said: bool | str) -> None:
    """What a mirror of devpi had seen yanked is yanked here, with the reason, if there was one."""
    devpi(tmp_path / "export", yanked=said)

    assert brought(await events(tmp_path, tmp_path / "export")) == NAMES

    found = await shown(tmp_path)
    assert {file.yanked for file in found.values()} == {said or True}


async def test_what_is_refused(tmp_path: Path, wheelhouse: Path) -> None:
    """What cannot be brought is told with its reason, and the rest is brought."""
    (wheelhouse / "broken-1.0-py3-none-any.whl").write_bytes(b"no zip")
    (wheelhouse / "nameless.tar.gz").write_bytes(b"")
    (wheelhouse / "passwd-1.0.zip").symlink_to("/etc/passwd")
    (wheelhouse / "elsewhere").symlink_to("/etc")
    (wheelhouse / "lost-1.0.zip").symlink_to("nothing")
    os.mkfifo(wheelhouse / "pipe-1.0.zip")
    put(wheelhouse / "twice" / SALT.filename, wheel("salt", "1.0", body=b"other = 1").content)

    told = refused(await events(tmp_path, wheelhouse))

    twins = {SALT.filename, f"twice/{SALT.filename}"} & told.keys()
    assert len(twins) == 1
    assert "other bytes" in told.pop(twins.pop())
    assert {name: why.partition(";")[0] for name, why in told.items()} == {
        "broken-1.0-py3-none-any.whl": "the file is too short to be a zip archive",
        "nameless.tar.gz": "'nameless.tar.gz' is not a distribution's filename: there is no version"
        " (PEP 440) in it",
        "passwd-1.0.zip": "it is a link that leads out of the folder",
        "elsewhere": "it is a link that leads out of the folder",
        "lost-1.0.zip": "it is a link that leads nowhere",
        "pipe-1.0.zip": "it is no plain file",
    }
    assert (await shown(tmp_path)).keys() == NAMES


async def test_links_within_the_folder(tmp_path: Path, wheelhouse: Path) -> None:
    """A link from the folder into the folder stands for the file that it leads to."""
    put(wheelhouse / "pool" / "7f3a", wheel("eggs", "1.0").content)
    (wheelhouse / "eggs-1.0-py3-none-any.whl").symlink_to("pool/7f3a")
    (wheelhouse / "again").symlink_to("old")

    told = await events(tmp_path, wheelhouse)

    assert (brought(told), refused(told)) == (NAMES | {"eggs-1.0-py3-none-any.whl"}, {})


async def test_hashes_that_the_records_state(tmp_path: Path) -> None:
    """A file that is not what its system had recorded is refused: it was damaged there."""
    devpi(tmp_path / "export")
    (path,) = (tmp_path / "export").rglob(SALT.filename)
    path.write_bytes(wheel("salt", "1.0", size=SALT.size, body=b"other = 1").content)

    told = await events(tmp_path, tmp_path / "export")

    assert brought(told) == {SALT_SDIST.filename}
    (why,) = refused(told).values()
    assert why.startswith(f"its records state sha256 {SALT.sha256}, but the file has ")


async def test_a_dry_run(tmp_path: Path, wheelhouse: Path) -> None:
    """It tells what would be brought and what refused, and changes nothing."""
    (wheelhouse / "broken-1.0-py3-none-any.whl").write_bytes(b"no zip")

    told = await events(tmp_path, wheelhouse, way="look")

    assert (brought(told), [*refused(told)]) == (NAMES, ["broken-1.0-py3-none-any.whl"])
    data = tmp_path / "data"
    assert [path for path in (data / "blobs").rglob("*") if path.is_file()] == []
    assert [*(data / "spool" / "uploads").iterdir()] == []
    async with opened(settings(tmp_path), patience=0) as services:
        assert (await services.publish.ledger.own("main", NAME)).uploads is None


async def test_a_link(tmp_path: Path, wheelhouse: Path) -> None:
    """With `link` what is kept is the same file under another name."""
    assert brought(await events(tmp_path, wheelhouse, way="link")) == NAMES

    (blob,) = (tmp_path / "data").rglob(SALT.sha256)
    assert blob.samefile(wheelhouse / SALT.filename)


async def test_a_move(tmp_path: Path, wheelhouse: Path) -> None:
    """With `move` each file is taken away there once it is here; what is refused stays."""
    broken = wheelhouse / "broken-1.0-py3-none-any.whl"
    broken.write_bytes(b"no zip")

    assert brought(await events(tmp_path, wheelhouse, way="move")) == NAMES

    assert {p for p in wheelhouse.rglob("*") if p.is_file()} == {broken, wheelhouse / "index.html"}
    (blob,) = (tmp_path / "data").rglob(SALT.sha256)
    assert blob.read_bytes() == SALT.content


async def test_a_move_that_was_interrupted(tmp_path: Path, wheelhouse: Path) -> None:
    """What was brought before, and not taken away, is taken away when it is found to be here."""
    await events(tmp_path, wheelhouse)

    assert here(await events(tmp_path, wheelhouse, way="move")) == NAMES

    assert {path.name for path in wheelhouse.rglob("*") if path.is_file()} == {"index.html"}


async def test_a_blob_that_is_gone(tmp_path: Path) -> None:
    """A file that is recorded, but whose bytes are gone, is brought again before it is moved."""
    folder(tmp_path / "wheelhouse")
    await events(tmp_path, tmp_path / "wheelhouse")
    (blob,) = (tmp_path / "data").rglob(SALT.sha256)
    blob.unlink()

    await events(tmp_path, tmp_path / "wheelhouse", way="move")

    assert blob.read_bytes() == SALT.content


async def test_what_was_deleted_here(tmp_path: Path, wheelhouse: Path) -> None:
    """A file that was deleted here is not brought back."""
    await events(tmp_path, wheelhouse)
    async with opened(settings(tmp_path), patience=0) as services:
        part = Part(index="main", project=NAME, filename=SALT.filename)
        await services.steward.delete(part, "bob", "")

    told = await events(tmp_path, wheelhouse)

    assert here(told) == {SALT_SDIST.filename}
    assert refused(told) == {
        SALT.filename: f"{SALT.filename} was deleted from main; upload it to have it again"
    }


async def test_the_journal(tmp_path: Path, wheelhouse: Path) -> None:
    """It says who it was, from what, when that was, and that the time is the file's own."""
    before = datetime.now(UTC)
    await events(tmp_path, wheelhouse)

    async with opened(settings(tmp_path), patience=0) as services:
        stewardship = services.steward.stewardship
        entries = await stewardship.journal("main", NAME, 0, 10)

    assert {entry.who for entry in entries} == {"import"}
    assert all(entry.at >= before for entry in entries)
    said = [
        {key: entry.detail[key] for key in ("imported", "uploaded", "time")} for entry in entries
    ]
    assert said == [{"imported": "folder", "uploaded": THEN.isoformat(), "time": "file"}] * 2


async def test_a_signature_beside_a_file(tmp_path: Path, wheelhouse: Path) -> None:
    """A signature that lies beside a file comes along with it; what is none refuses the file."""
    put(wheelhouse / f"{SALT.filename}.asc", b"no signature")

    told = await events(tmp_path, wheelhouse)

    assert brought(told) == {SALT_SDIST.filename}
    assert "gpg_signature" in refused(told)[SALT.filename]


async def test_records_that_lead_out(tmp_path: Path) -> None:
    """What an export's records name is looked for in the export, and nowhere else."""
    devpi(tmp_path / "export")
    outside = put(tmp_path / "eggs-1.0-py3-none-any.whl", wheel("eggs", "1.0").content)
    records = tmp_path / "export" / "dataindex.json"
    for path in (f"../{outside.name}", str(outside)):
        said = msgspec.json.decode(records.read_bytes())
        said["indexes"]["alice/dev"]["files"][0]["relpath"] = path
        records.write_bytes(msgspec.json.encode(said))

        told = await events(tmp_path, tmp_path / "export")

        assert refused(told) == {path: "dataindex.json names it, but it is not there"}


async def test_an_export_comes_back(tmp_path: Path) -> None:
    """What `cloche export` has written is a mirror: it is offered elsewhere as it was here."""
    bandersnatch(tmp_path / "mirror")
    await events(tmp_path, tmp_path / "mirror")
    before = await shown(tmp_path)
    where = ("--data", tmp_path / "data", "--held-only")
    done = run(tmp_path, "export", tmp_path / "site", *where)
    assert done.returncode == 0, done.stderr

    (tmp_path / "other").mkdir()
    address = (tmp_path / "site").as_uri()
    told = await events(tmp_path / "other", address)

    assert (brought(told), refused(told)) == (NAMES, {})
    after = await shown(tmp_path / "other")
    for name in NAMES:
        assert after[name].sha256 == before[name].sha256
        assert after[name].upload_time == before[name].upload_time == THEN
        assert after[name].yanked == before[name].yanked


async def test_json_that_is_none(tmp_path: Path) -> None:
    """Where a mirror's JSON cannot be read, or names no file, its pages are believed."""
    bandersnatch(tmp_path / "mirror")
    for said in (b"{", b"[]", b'{"releases": {"1.0": []}}'):
        put(tmp_path / "mirror" / "web" / "json" / "salt", said)

        assert brought(await events(tmp_path, tmp_path / "mirror", "pypi", way="look")) == NAMES


async def test_words_in_records(tmp_path: Path) -> None:
    """Whatever records say of people and reasons becomes one line that can be kept and shown."""
    bandersnatch(tmp_path / "mirror")
    said = pypi_json(*FILES)
    said["releases"]["1.0"][1]["yanked_reason"] = "a\0b\nc" + 10_000 * "d"
    put(tmp_path / "mirror" / "web" / "json" / "salt", json.dumps(said).encode())

    assert brought(await events(tmp_path, tmp_path / "mirror")) == NAMES

    yanked = (await shown(tmp_path))[SALT_SDIST.filename].yanked
    assert isinstance(yanked, str)
    assert yanked.startswith("a b cdd")
    assert len(yanked) <= MAX_REASON


async def test_a_part_of_what_has_none(tmp_path: Path, wheelhouse: Path) -> None:
    """A part is asked for of a devpi export alone."""
    with pytest.raises(BadSetting, match="--from is for devpi"):
        await events(tmp_path, wheelhouse, part="alice/dev")


async def test_a_sweep_meanwhile(tmp_path: Path, wheelhouse: Path) -> None:
    """A link on its way in is nobody's rubbish; one that a crash has left is swept."""
    spool = Spool(tmp_path / "spool")
    (wheelhouse / SALT.filename).chmod(0o444)
    stock = await stocks.connect(str(wheelhouse), None, None, {})
    with spool.scratch() as scratch:
        async with stock.taken(SALT.filename, scratch, "link") as content:
            assert await spool.sweep(0) == 0
            assert content.spooled.path.samefile(wheelhouse / SALT.filename)
        left = content.spooled.path.with_name("left.upload")
        left.hardlink_to(wheelhouse / SALT.filename)
        await spool.sweep(0)
    assert not left.exists()
    assert (wheelhouse / SALT.filename).read_bytes() == SALT.content


async def test_whoever_stops_it(tmp_path: Path) -> None:
    """Events that nobody wants any more stop the work, however much of it there is."""
    for n in range(40):
        built = wheel(f"many-{n}", "1.0")
        put(tmp_path / "house" / built.filename, built.content)
    under = settings(tmp_path)
    async with opened(under, patience=0) as services:
        made = await importing(
            under, services, str(tmp_path / "house"), "main", kind=None, part=None, way="copy"
        )
        async with aclosing(made.run(jobs=1)) as told:
            async for event in told:
                if isinstance(event, Brought):
                    break
        kept = await services.publish.ledger.projects("main")
    assert 0 < len(kept) < 40


async def test_documentation(tmp_path: Path) -> None:
    """Of a devpi export the documentation of a project's newest version is published, once."""
    devpi(tmp_path / "export", guides=("0.9", "0.10"))

    first = await events(tmp_path, tmp_path / "export")
    second = await events(tmp_path, tmp_path / "export")

    assert [event.project for event in first if isinstance(event, Documented)] == [NAME]
    assert [event for event in second if isinstance(event, Documented)] == []
    async with opened(settings(tmp_path), patience=0) as services:
        found = await services.documents.find("main", NAME, "index.html")
        body = services.documents.open(found)
        assert b"".join([chunk async for chunk in body.chunks]) == b"salt 0.10"


async def test_one_index_of_several(tmp_path: Path) -> None:
    """Of an export with several indexes that have files, one is to be named."""
    devpi(tmp_path / "export", indexes=("alice/dev", "alice/prod"))

    with pytest.raises(BadSetting, match="with --from; it has alice/dev, alice/prod"):
        await events(tmp_path, tmp_path / "export")
    told = await events(tmp_path, tmp_path / "export", part="alice/prod")

    assert brought(told) == NAMES


async def test_files_that_filters_kept_out(tmp_path: Path) -> None:
    """What a mirror's pages list, and its filters kept out, is neither brought nor refused."""
    bandersnatch(tmp_path / "mirror")
    (path,) = (tmp_path / "mirror").rglob(SALT_SDIST.filename)
    path.unlink()

    told = await events(tmp_path, tmp_path / "mirror")

    assert (brought(told), refused(told)) == ({SALT.filename}, {})


async def test_a_page_that_is_none(tmp_path: Path) -> None:
    """A project whose page cannot be read is refused, and told so."""
    bandersnatch_without_json(tmp_path / "mirror")
    (path,) = (tmp_path / "mirror").rglob("index.v1_json")
    path.write_bytes(b"{")

    told = await events(tmp_path, tmp_path / "mirror")

    assert [*refused(told)] == ["web/simple/salt"]
    assert "not a JSON page" in refused(told)["web/simple/salt"]


@pytest.mark.parametrize("name", ["bandersnatch", "bandersnatch without json"])
async def test_a_mirror_as_what_is_kept(tmp_path: Path, name: str) -> None:
    """Pages and files of a mirror are kept as if they had been fetched, without a question."""
    PLACES[name](tmp_path / "mirror")

    first = await events(tmp_path, tmp_path / "mirror", "pypi")
    second = await events(tmp_path, tmp_path / "mirror", "pypi")

    assert (brought(first), refused(first)) == (NAMES, {})
    assert [event.project for event in first if isinstance(event, Paged)] == [NAME]
    assert (here(second), len(second)) == (NAMES, 3)
    found = await shown(tmp_path)
    assert {file.upload_time for file in found.values()} == {THEN}
    async with opened(settings(tmp_path), patience=0) as services:
        for built in FILES:
            assert await content(services, found[built.filename]) == built.content
        metadata = await content(services, found[SALT.filename], ".metadata")
        assert metadata == SALT.metadata


async def test_a_cache_without_pages(tmp_path: Path, upstream: Upstream) -> None:
    """Files of a cache are kept if the upstream lists them so; it is asked for pages alone."""
    proxpi(tmp_path / "cache")
    upstream.add(SALT)
    under = settings(tmp_path, offline=False, **{"upstream.pypi.url": upstream.simple})

    told = await events(tmp_path, tmp_path / "cache", "pypi", under=under)

    assert brought(told) == {SALT.filename}
    assert [*refused(told).values()] == [f"pypi does not list {SALT_SDIST.filename}"]
    assert {each.path for each in upstream.requests()} == {"/simple/salt/"}
    async with opened(settings(tmp_path), patience=0) as services:
        file = (await services.shelf.get("main", NAME)).page.find(SALT.filename)
        assert file is not None
        assert await content(services, file) == SALT.content


async def test_a_cache_of_other_bytes(tmp_path: Path, upstream: Upstream) -> None:
    """A file that the upstream lists with another digest is refused."""
    put(tmp_path / "cache" / SALT.filename, wheel("salt", "1.0", body=b"other = 1").content)
    upstream.add(SALT)
    under = settings(tmp_path, offline=False, **{"upstream.pypi.url": upstream.simple})

    told = await events(tmp_path, tmp_path / "cache", "pypi", under=under)

    assert refused(told)[SALT.filename].startswith(f"pypi lists sha256 {SALT.sha256}, but")


@pytest.mark.parametrize("to", ["main", "pypi"])
async def test_a_move_of_other_bytes(tmp_path: Path, to: str) -> None:
    """Where another file has the name here, the one there is not taken away."""
    bandersnatch(tmp_path / "mirror")
    await events(tmp_path, tmp_path / "mirror", to)
    (path,) = (tmp_path / "mirror").rglob(SALT.filename)
    path.write_bytes(wheel("salt", "1.0", size=SALT.size, body=b"other = 1").content)

    told = await events(tmp_path, tmp_path / "mirror", to, way="move")

    assert (here(told), len(refused(told))) == ({SALT_SDIST.filename}, 1)
    assert path.exists()
    assert not list((tmp_path / "mirror").rglob(SALT_SDIST.filename))


async def test_what_nothing_vouches_for(tmp_path: Path, upstream: Upstream) -> None:
    """A file is not kept of which neither the upstream nor the records state a digest."""
    put(tmp_path / "cache" / SALT.filename, SALT.content)
    upstream.add(SALT, hashes={})
    under = settings(tmp_path, offline=False, **{"upstream.pypi.url": upstream.simple})

    told = await events(tmp_path, tmp_path / "cache", "pypi", under=under)

    assert refused(told) == {
        SALT.filename: f"pypi lists no digest of {SALT.filename}, and no record states one"
    }


async def test_a_dry_run_for_an_upstream(tmp_path: Path) -> None:
    """It tells what would be kept, and keeps neither page nor file."""
    bandersnatch(tmp_path / "mirror")

    told = await events(tmp_path, tmp_path / "mirror", "pypi", way="look")

    assert brought(told) == NAMES
    async with opened(settings(tmp_path), patience=0) as services:
        assert await services.cached["pypi"].known(NAME) is None
    assert [path for path in (tmp_path / "data" / "blobs").rglob("*") if path.is_file()] == []


async def test_an_index_that_takes_none(tmp_path: Path, wheelhouse: Path) -> None:
    """An index that takes no uploads takes none of the past either, and is not begun with."""
    under = settings(tmp_path, **{"index.main.uploads": False})
    with pytest.raises(Forbidden, match="takes no uploads"):
        await events(tmp_path, wheelhouse, under=under)


async def test_no_room(tmp_path: Path, wheelhouse: Path) -> None:
    """A full disk ends it with one reason, and when there is room again it goes on from there."""
    large = wheel("large", "1.0", size=8_000_000)
    put(wheelhouse / large.filename, large.content)

    with pytest.raises(StorageFull, match="no room for more"), room_for(4_000_000):
        await events(tmp_path, wheelhouse, jobs=1)
    told = await events(tmp_path, wheelhouse)

    assert brought(told) | here(told) == {*NAMES, large.filename}
    assert [*(tmp_path / "data" / "spool" / "uploads").iterdir()] == []
