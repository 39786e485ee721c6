"""What is let past rules: recorded with its entry, ended once, listed for ever."""

import asyncio
import json

import pytest
from msgspec.structs import replace

from cloche.catalog import Catalog
from cloche.core.errors import NoSuchAdmission
from cloche.core.marks import Part
from cloche.core.policy import Admission
from cloche.ports import Deed
from tests.catalog.samples import DEMO, HOUR, NOON, entries, part, upload

pytestmark = pytest.mark.anyio

WHEEL = "demo-1.0-py3-none-any.whl"
END = Deed(who="eve", at=NOON + HOUR, reason="fixed")


def admission(of: Part, rule: str | None = None) -> Admission:
    return Admission(part=of, who="bob", reason="a hole", until=NOON + 24 * HOUR, rule=rule)


async def of_index(catalog: Catalog, index: str = "main") -> tuple[Admission, ...]:
    return (await catalog.ledger.own(index, DEMO)).admissions


async def test_what_is_admitted_is_the_index_s_own(catalog: Catalog) -> None:
    """An admission comes with the project in its index alone, with all that was said."""
    said = [admission(part()), admission(part(version="1.0")), admission(part(WHEEL), "cooldown")]
    for each in said:
        await catalog.admissions.admit(each, NOON)

    assert await of_index(catalog) == tuple(said)
    assert await of_index(catalog, "team") == ()


async def test_which_projects_are_let_past(catalog: Catalog) -> None:
    """Each project of the index of which anything is admitted, until the last of it ends."""
    later = replace(admission(part()), until=NOON + 48 * HOUR)
    for each in (admission(part(version="1.0")), later, admission(part(index="team"))):
        await catalog.admissions.admit(each, NOON)
    other = await catalog.admissions.admit(admission(part("other-1.0.tar.gz")), NOON)
    every = {DEMO: NOON + 48 * HOUR, other.admission.part.project: NOON + 24 * HOUR}

    assert await catalog.ledger.admitted("main", NOON) == every
    assert await catalog.ledger.admitted("main", NOON + 24 * HOUR) == {DEMO: every[DEMO]}
    await catalog.admissions.end("main", other.serial, END)
    assert await catalog.ledger.admitted("main", NOON) == {DEMO: every[DEMO]}
    assert await catalog.ledger.admitted("main", NOON + 48 * HOUR) == {}


async def test_it_does_not_multiply_uploads_and_yanks(catalog: Catalog) -> None:
    """Uploads and yanks are there once each, however much is admitted."""
    for version in ("1.0", "2.0"):
        await catalog.stewardship.mark(part(version=version), END, yanked=True)
        await catalog.admissions.admit(admission(part(version=version)), NOON)
    own = await catalog.ledger.own("main", DEMO)
    assert (own.uploads, len(own.marks.yanks), len(own.admissions)) == (None, 2, 2)

    for version in ("1.0", "2.0"):
        await catalog.ledger.publish(upload(version=version))
    own = await catalog.ledger.own("main", DEMO)
    assert own.uploads == (upload(), upload(version="2.0"))
    assert len(own.admissions) == 2


async def test_it_is_journaled(catalog: Catalog) -> None:
    """The entry has who, when, what, why, past which rule and until when; its end has its own."""
    made = await catalog.admissions.admit(admission(part(WHEEL), "cooldown"), NOON)
    await catalog.admissions.end("main", made.serial, END)

    first, second = entries(catalog)
    assert first["serial"] == made.serial
    for entry in (first, second):
        where = (entry["place"], entry["project"], entry["version"], entry["filename"])
        assert where == ("main", "demo", "1.0", WHEEL)
    assert (first["action"], first["who"], first["at"]) == ("admitted", "bob", NOON)
    assert json.loads(first["detail"]) == {
        "reason": "a hole",
        "rule": "cooldown",
        "until": "2026-05-05T12:00:00.123456+00:00",
    }
    assert (second["action"], second["who"]) == ("admission ended", "eve")
    assert json.loads(second["detail"]) == {"admission": made.serial, "reason": "fixed"}


async def test_ending(catalog: Catalog) -> None:
    """One that is ended counts no more, and is listed still; it ends once."""
    one = await catalog.admissions.admit(admission(part()), NOON)
    two = await catalog.admissions.admit(admission(part(version="2.0")), NOON)

    ended = await catalog.admissions.end("main", one.serial, END)

    assert (ended.ended_at, ended.ended_by) == (END.at, "eve")
    assert [ended.holds(NOON), two.holds(NOON), two.holds(two.admission.until)] == [
        False,
        True,
        False,
    ]
    assert await of_index(catalog) == (two.admission,)
    assert await catalog.admissions.history("main", 0, 10) == [ended, two]
    with pytest.raises(NoSuchAdmission):
        await catalog.admissions.end("main", one.serial, END)


async def test_what_cannot_be_ended(catalog: Catalog) -> None:
    """No number, another index's, or one whose time is over: nothing is journaled."""
    made = await catalog.admissions.admit(admission(part()), NOON)
    late = Deed(who="eve", at=made.admission.until)

    for index, serial, deed in (
        ("main", 99, END),
        ("team", made.serial, END),
        ("main", made.serial, late),
    ):
        with pytest.raises(NoSuchAdmission, match="cloche admissions"):
            await catalog.admissions.end(index, serial, deed)
    assert len(entries(catalog)) == 1


async def test_two_end_it_at_once(catalog: Catalog, other: Catalog) -> None:
    """Of two who end the same one, one does."""
    made = await catalog.admissions.admit(admission(part()), NOON)
    found = await asyncio.gather(
        catalog.admissions.end("main", made.serial, END),
        other.admissions.end("main", made.serial, END),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in found) == ["Admitted", "NoSuchAdmission"]


async def test_the_list(catalog: Catalog) -> None:
    """All of them, or one index's, so many at a time after a number."""
    made = [
        await catalog.admissions.admit(admission(part(index=index)), NOON)
        for index in ("main", "team", "main")
    ]
    one, _, three = made

    assert await catalog.admissions.history(None, 0, 10) == made
    assert await catalog.admissions.history("main", 0, 10) == [one, three]
    assert await catalog.admissions.history("main", one.serial, 10) == [three]
    assert await catalog.admissions.history(None, 0, 2) == made[:2]
