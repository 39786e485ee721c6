"""What is found out fills what is unsaid, and changes nothing that is said."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloche.core.backfill import (
    Bytes,
    Findings,
    filled,
    lacks_bytes,
    lacks_times,
    sighting,
    sightings,
    timeless,
)
from cloche.core.model import Digest, File, Page, project_name

ACME = project_name("acme")
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
WHEEL = "acme-1.0-py3-none-any.whl"
SHA, OTHER = Digest("ab" * 32), Digest("cd" * 32)


def file(**said: Any) -> File:
    plain = {"filename": WHEEL, "url": f"https://x.test/{WHEEL}"}
    return File(**{**plain, **said})


def fill(one: File, findings: Findings | None = None) -> File:
    page = Page(name=ACME, files=(one,))
    return filled(page, findings or Findings(), NOON).files[0]


def held(one: File, beside: str = "") -> Findings:
    """Findings that know the file's bytes, or those of what lies beside it."""
    return Findings(kept={(one.key, one.filename + beside): Bytes(OTHER, 7)})


COMPLETE = file(hashes={"sha256": SHA}, size=3, upload_time=NOON, core_metadata={"sha256": SHA})


def test_a_page_that_says_all_is_left_as_it_is() -> None:
    """Nothing is looked for, and nothing changed, where nothing is missing."""
    page = Page(name=ACME, files=(COMPLETE,))

    assert not lacks_bytes(page)
    assert not lacks_times(page)
    assert filled(page, held(COMPLETE), NOON) is page


def test_size_and_digest_are_those_of_the_bytes_that_came() -> None:
    """A file that was fetched has a size and a sha256, and the key that it had before."""
    bare = file(hashes={"md5": "00" * 16})
    found = fill(bare, held(bare))

    assert (found.size, found.hashes) == (7, {"sha256": OTHER, "md5": "00" * 16})
    assert found.key == bare.key


def test_what_is_said_wins() -> None:
    """A listed size or digest is never replaced by what was found."""
    one = file(hashes={"sha256": SHA}, size=3)

    assert (fill(one, held(one)).size, fill(one, held(one)).hashes) == (3, {"sha256": SHA})


@pytest.mark.parametrize(
    ("filename", "offered"),
    [
        (WHEEL, True),
        ("acme-1.0-1-py3-none-any.whl", True),
        ("acme.whl", False),
        ("acme-1.0.tar.gz", False),
        ("acme-1.0-py3.11.egg", False),
    ],
)
def test_metadata_is_offered_for_wheels(filename: str, *, offered: bool) -> None:
    """Every wheel's metadata is offered, for it can be read out of it, and no other file's."""
    found = fill(file(filename=filename))

    assert (found.core_metadata, found.metadata_within) == (offered, offered)


def test_the_upstream_s_claim_is_its_own() -> None:
    """Metadata that the upstream offers is not ours to read out, and its digest stays."""
    found = fill(file(core_metadata={"sha256": SHA}), held(file(), ".metadata"))

    assert (found.core_metadata, found.metadata_within) == ({"sha256": SHA}, False)


@pytest.mark.parametrize("claim", [True, False])
def test_metadata_that_came_has_a_digest(*, claim: bool) -> None:
    """Metadata that was read once is stated with its digest."""
    found = fill(file(core_metadata=claim), held(file(), ".metadata"))

    assert (found.core_metadata, found.metadata_within) == ({"sha256": OTHER}, not claim)


def test_the_two_clocks_stay_apart() -> None:
    """A file that states no time has the time of its first sighting, never an upload time."""
    earlier = NOON - timedelta(days=1)
    bare = file()

    assert (fill(bare).upload_time, fill(bare).first_seen) == (None, NOON)
    seen = Findings(seen={sighting(bare): earlier})
    assert fill(bare, seen).first_seen == earlier
    assert fill(file(upload_time=NOON), seen).first_seen is None
    assert timeless(Page(name=ACME, files=(bare, COMPLETE))) == [sighting(bare)]


def test_where_somebody_watches_every_file_has_both_times() -> None:
    """A stated time stays, with that of the sighting beside it, and since when that is noted."""
    earlier = NOON - timedelta(days=1)
    page = Page(name=ACME, files=(COMPLETE, file()))
    seen = {sighting(COMPLETE): earlier, "what is there no more": earlier - timedelta(days=1)}
    first, second = filled(page, Findings(seen=seen, watched=True), NOON).files

    assert (first.upload_time, first.first_seen) == (NOON, earlier)
    assert (second.upload_time, second.first_seen) == (None, NOON)
    assert {first.watched_since, second.watched_since} == {earlier - timedelta(days=1)}
    assert sightings(page) == [sighting(COMPLETE), sighting(file())]


def test_a_sighting_is_of_the_same_bytes() -> None:
    """Other bytes are seen for the first time; without a digest, a file at another place."""
    signed = file(url=f"https://x.test/{WHEEL}?token=1")

    assert sighting(signed) == sighting(file(url=f"https://x.test/{WHEEL}?token=2"))
    assert sighting(file(hashes={"sha256": SHA})) == sighting(
        file(hashes={"sha256": SHA}, url="https://y.test/")
    )
    different = {
        sighting(file()),
        sighting(file(url=f"https://y.test/{WHEEL}")),
        sighting(file(hashes={"sha256": SHA})),
        sighting(file(hashes={"sha256": OTHER})),
    }
    assert len(different) == 4
