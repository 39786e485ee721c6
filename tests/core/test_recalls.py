"""What a page's change means for the files of it that are kept."""

from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from cloche.core.advisories import Advisory
from cloche.core.model import METADATA, Digest, File, Held, Page, ProjectName
from cloche.core.recalls import Recall, Why, flagged, over, sentence, vanished, yanked

DEMO = ProjectName("demo")
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def file(version: str, end: str = ".tar.gz", **other: Any) -> File:
    hashes = {"sha256": version[0] * 64}
    return File(filename=f"demo-{version}{end}", hashes=hashes, url="http://up/", **other)


def page(*files: File, **other: Any) -> Page:
    return Page(name=DEMO, files=files, **other)


def held(one: File, beside: str = "") -> Held:
    return Held(
        upstream="pypi",
        project=DEMO,
        filename=one.filename + beside,
        key=one.key,
        digest=Digest("d" * 64),
        size=7,
        at=NOON,
    )


ONE, TWO = file("1.0", requires_python=">=3.9", upload_time=NOON), file("2.0")


def test_files_that_vanish() -> None:
    """A kept file that is listed no longer is deleted; it is known as it was listed last."""
    (recall,) = vanished(page(ONE, TWO), page(TWO), [held(ONE), held(ONE, METADATA), held(TWO)])

    assert (recall.filename, recall.why, recall.digest) == (ONE.filename, Why.DELETED, "d" * 64)
    assert (recall.file.requires_python, recall.file.upload_time) == (">=3.9", NOON)
    assert (recall.file.url, recall.file.key) == ("", ONE.key)


def test_a_page_that_ends() -> None:
    """When there is no page any more, every kept file is deleted."""
    found = vanished(page(ONE), None, [held(ONE), held(TWO)])

    assert [(each.filename, each.why) for each in found] == [
        (ONE.filename, Why.DELETED),
        (TWO.filename, Why.DELETED),
    ]


def test_a_page_that_is_quarantined() -> None:
    """The files of a quarantined project are quarantined, for the reason that is given."""
    after = page(status="quarantined", status_reason="stolen account")
    (recall,) = vanished(page(ONE), after, [held(ONE)])

    assert (recall.why, recall.reason) == (Why.QUARANTINED, "stolen account")


def test_files_that_are_yanked() -> None:
    """A kept file that is yanked now and was not before is told once, with the reason."""
    before, after = page(ONE, TWO), page(replace(ONE, yanked="broken"), replace(TWO, yanked=True))
    (recall,) = yanked(before, after, [held(ONE)])

    assert (recall.filename, recall.why, recall.reason) == (ONE.filename, Why.YANKED, "broken")
    assert list(yanked(after, after, [held(ONE)])) == []
    assert list(yanked(None, after, [held(ONE)])) == []
    assert list(vanished(before, after, [held(ONE)])) == []


def test_files_that_are_flagged() -> None:
    """A kept file is flagged by the advisories about its version that hold."""
    advisories = [
        Advisory(id="A-1", versions=("1.0",)),
        Advisory(id="A-2", every=True, withdrawn=NOON),
        Advisory(id="A-3", every=True),
    ]
    odd = replace(held(ONE), filename="demo.txt")

    found = flagged(advisories, [held(ONE), held(ONE, METADATA), held(TWO), odd])

    assert [(each.filename, each.advisories) for each in found] == [
        (ONE.filename, ("A-1", "A-3")),
        (TWO.filename, ("A-3",)),
        ("demo.txt", ("A-1", "A-3")),
    ]


def recalled(one: File, why: Why = Why.DELETED) -> Recall:
    (found,) = vanished(page(one), None, [held(one)])
    return replace(found, why=why, at=NOON)


def test_kept_files_stay_listed_and_marked() -> None:
    """A deleted file that is kept is listed as yanked, with what happened and when."""
    shown = over(page(TWO), [recalled(ONE)], [])

    assert [each.filename for each in shown.files] == [TWO.filename, ONE.filename]
    assert shown.files[1].yanked == "deleted upstream on 2026-05-04"
    assert shown.files[1].key == ONE.key


def test_only_deleted_files_stay() -> None:
    """What is quarantined is not listed, and what is listed again is listed once."""
    assert over(page(TWO), [recalled(ONE, Why.QUARANTINED)], []) == page(TWO)
    assert over(page(ONE), [recalled(ONE)], []) == page(ONE)


def test_metadata_of_kept_files() -> None:
    """A kept file offers its metadata if that is kept, or can be read out of the wheel."""
    sdist, wheel = file("1.0", core_metadata=True), file("3.0", "-py3-none-any.whl")
    (without,) = over(page(), [recalled(sdist)], []).files
    (with_it,) = over(page(), [recalled(sdist)], [(sdist.key, sdist.filename + METADATA)]).files
    (of_wheel,) = over(page(), [recalled(wheel)], []).files

    assert (without.core_metadata, with_it.core_metadata) == (False, True)
    assert (of_wheel.core_metadata, of_wheel.metadata_within) == (True, True)


def test_sentences() -> None:
    """What happened is said in words, with the reason if there is one."""
    one = replace(recalled(ONE, Why.QUARANTINED), reason="malware")

    assert sentence(one) == "quarantined upstream on 2026-05-04: malware"
    assert sentence(replace(one, at=None, reason="")) == "quarantined upstream"
