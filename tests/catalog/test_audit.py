"""What rows say of blobs, and what was verified when, on both databases."""

import pytest
from sqlalchemy import update

from cloche.catalog import Catalog
from cloche.catalog.schema import documents
from cloche.core.model import DocFile, ProjectName
from cloche.ports import Deed, Need, Verified
from tests.catalog.samples import DEMO, HOUR, NOON, held, kept, remove, sha256, upload

pytestmark = pytest.mark.anyio


async def needs(catalog: Catalog, *places: str, of: str = "") -> set[tuple[str, str, str]]:
    found = await catalog.audit.needs(of, places or None)
    return {(need.part, need.place, need.filename) for need in found}


async def fill(catalog: Catalog) -> None:
    mine = upload(signature=sha256("signature"), provenance=sha256("provenance"))
    await catalog.ledger.publish(mine)
    await catalog.pages.hold(held("theirs"))
    page = DocFile(path="index.html", digest=sha256("page"), size=4)
    await catalog.documentation.replace("main", DEMO, [page], at=NOON, who="alice")


async def test_every_row_that_needs_bytes(catalog: Catalog) -> None:
    """Uploads, what lies beside them, documentation and upstreams' files, each with its place."""
    await fill(catalog)

    everything = await catalog.audit.needs("", None)

    name = "demo-1.0.tar.gz"
    assert sorted((n.part, n.place, n.filename, n.digest, n.size) for n in everything) == sorted(
        [
            ("upload", "main", name, upload().digest, 5),
            ("beside", "main", name, upload().metadata, None),
            ("beside", "main", name, sha256("signature"), None),
            ("beside", "main", name, sha256("provenance"), None),
            ("documentation", "main", "index.html", sha256("page"), 4),
            ("held", "pypi", name, sha256("theirs"), 6),
        ]
    )
    assert {n.key for n in everything if n.part == "held"} == {held("theirs").key}


async def test_needs_of_some(catalog: Catalog) -> None:
    """Asked by the beginning of digests and by places, only those are named."""
    await fill(catalog)
    theirs = sha256("theirs")

    assert await needs(catalog, "pypi") == {("held", "pypi", "demo-1.0.tar.gz")}
    assert await needs(catalog, "elsewhere") == set()
    assert {part for part, *_ in await needs(catalog, "main")} == {
        "upload", "beside", "documentation",
    }  # fmt: skip
    assert ("held", "pypi", "demo-1.0.tar.gz") in await needs(catalog, of=theirs[:2])
    assert await needs(catalog, of=theirs) == {("held", "pypi", "demo-1.0.tar.gz")}


async def test_deleted_uploads_need_nothing_but_in_snapshots(catalog: Catalog) -> None:
    """A deleted upload needs its bytes as long as a snapshot shows it."""
    await catalog.ledger.publish(upload())
    deed = Deed(who="alice", at=NOON)
    await catalog.snapshots.create("main", "then", None, deed)
    await remove(catalog, upload().filename)

    assert await needs(catalog, of=upload().digest) != set()
    await catalog.snapshots.delete("main", "then", deed)
    assert await needs(catalog) == set()


async def test_what_was_verified(catalog: Catalog) -> None:
    """The last look at each blob is what counts, until it is forgotten."""
    one, two = sha256("one"), sha256("two")
    for at in (NOON, NOON + HOUR):
        well = [Verified(digest=each, size=3, modified=NOON, at=at) for each in (one, two)]
        await catalog.audit.note(well, [])
    await catalog.audit.note([], [two, sha256("unknown")])
    await catalog.audit.note([], [])

    known = Verified(digest=one, size=3, modified=NOON, at=NOON + HOUR)
    assert await catalog.audit.verified(one[:2]) == {one: known}
    assert await catalog.audit.verified(two) == {}


async def test_pages_are_read_once(catalog: Catalog) -> None:
    """Pages that are well are not read again until that is too long ago, in portions."""
    for name in ("a", "b", "c"):
        await catalog.pages.keep("pypi", ProjectName(name), kept())

    first = await catalog.audit.spoilt(0, 2, NOON, None, NOON)
    second = await catalog.audit.spoilt(first[0], 2, NOON, ["pypi"], NOON)

    assert (first[1], second[1], first[2] + second[2]) == (2, 1, [])
    assert await catalog.audit.spoilt(0, 9, NOON, None, NOON) == (0, 0, [])
    assert (await catalog.audit.spoilt(0, 9, NOON + HOUR, None, NOON))[1] == 3
    assert await catalog.audit.spoilt(0, 9, NOON + HOUR, ["other"], NOON) == (0, 0, [])


@pytest.mark.parametrize(
    ("values", "why"),
    [({"body": b"no frame"}, "decompressed"), ({"url": "http://other/"}, "not what was received")],
)
async def test_spoilt_pages(catalog: Catalog, values: dict[str, object], why: str) -> None:
    """A page whose bytes cannot be read, or are others, is told each time; it can be forgotten."""
    await catalog.pages.keep("pypi", DEMO, kept())
    with catalog.database.writing() as connection:
        connection.execute(update(documents).values(values))

    _, read, [spoilt] = await catalog.audit.spoilt(0, 9, NOON, None, NOON)
    assert (read, spoilt.upstream, spoilt.project) == (1, "pypi", DEMO)
    assert why in spoilt.why
    assert (await catalog.audit.spoilt(0, 9, NOON, None, NOON))[2] == [spoilt]
    await catalog.audit.forget_page(spoilt.number)

    assert await catalog.pages.recall("pypi", DEMO) is None
    assert await catalog.audit.spoilt(0, 9, NOON, None, NOON) == (0, 0, [])


async def test_forgetting_that_a_file_is_kept(catalog: Catalog) -> None:
    """Only the very row goes, and not if it has other bytes by now."""
    one = held("one")
    await catalog.pages.hold(one)
    need = Need(
        digest=one.digest,
        part="held",
        place="pypi",
        project=DEMO,
        filename=one.filename,
        size=one.size,
        key=one.key,
    )
    await catalog.audit.forget_held(
        Need(
            digest=sha256("other"),
            part="held",
            place="pypi",
            project=DEMO,
            filename=one.filename,
            size=one.size,
            key=one.key,
        )
    )
    assert await catalog.pages.held("pypi", one.key, one.filename) == one

    await catalog.audit.forget_held(need)

    assert await catalog.pages.held("pypi", one.key, one.filename) is None
