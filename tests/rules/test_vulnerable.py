"""Rules about vulnerabilities and malware."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cloche.core.advisories import Advisory, Span
from cloche.core.known import Known
from cloche.core.model import File
from cloche.core.policy import Offer
from tests.rules.samples import NOW, clause, offer

OLD, NEW, ODD = (File(filename=name) for name in ("demo-1.0.zip", "demo-2.0.zip", "demo.txt"))


def advisory(id_: str = "GHSA-1", score: float | None = 7.5, **other: Any) -> Advisory:
    """About everything before 2.0."""
    given: dict[str, Any] = {"spans": (Span("", "2.0"),), "fixed_in": ("2.0",), **other}
    return Advisory(id=id_, score=score, **given)


def objected(found: Offer, **settings: Any) -> dict[str, str]:
    judged = clause("vulnerable", **settings).judge(found, NOW)
    return {one.file.filename: said.reason for one, said in judged}


def against(*advisories: Advisory, hosted: bool = False, **settings: Any) -> dict[str, str]:
    """To which files the rule objects, when this is known."""
    known = Known(advisories=advisories)
    return objected(offer(OLD, NEW, hosted=hosted, known=known), **settings)


def test_a_vulnerable_version() -> None:
    """Files of a version that an advisory is about are objected to, with what is known."""
    found = against(advisory(aliases=("PYSEC-1", "CVE-2026-1"), summary="Reads any\nfile"))

    assert found == {
        OLD.filename: (
            "it is known to be vulnerable (GHSA-1, CVE-2026-1, CVSS 7.5): Reads any file"
        )
    }


@pytest.mark.parametrize(
    ("least", "objects"),
    [("any", True), ("low", True), ("medium", True), ("high", False), ("never", False)],
)
def test_severity(least: str, objects: bool) -> None:  # noqa: FBT001 - a case
    """A vulnerability counts from the severity on that is set, by the bands of CVSS."""
    assert bool(against(advisory(score=6.9), severity=least)) is objects


def test_no_score() -> None:
    """Nobody says how bad it is: that counts, unless it is set not to."""
    assert against(advisory(score=None), severity="critical")
    assert not against(advisory(score=None), unscored=False)
    assert not against(advisory(score=None), severity="never")


def test_a_score_by_another_name() -> None:
    """Two databases speak of one flaw: the score that one of them tells counts for both."""
    scored = advisory("GHSA-1", 3.0, aliases=("CVE-2026-1",))
    unscored = advisory("PYSEC-1", None, aliases=("CVE-2026-1",))

    assert not against(scored, unscored)
    assert against(scored, unscored, severity="low")


def test_malware() -> None:
    """Malware counts whatever the severity, unless it is set not to."""
    found = advisory("MAL-1", None, is_malware=True, fixed_in=(), summary="It steals")

    assert against(found, severity="never", unfixed=False) == {
        OLD.filename: "it is known as malware (MAL-1): It steals"
    }
    assert not against(found, malware=False)


def test_withdrawn() -> None:
    """What was withdrawn does not count."""
    assert not against(advisory(withdrawn=datetime(2026, 1, 1, tzinfo=UTC)))


@pytest.mark.parametrize("name", ["GHSA-1", "CVE-2026-1"])
def test_ignored(name: str) -> None:
    """What is to be ignored does not count, by any of its names."""
    found = advisory(aliases=("CVE-2026-1",))

    assert not against(found, ignore=[name])
    assert against(found, ignore=["CVE-2026-2"])


def test_unfixed() -> None:
    """What no version is free of can be let be."""
    assert against(advisory(fixed_in=()))
    assert not against(advisory(fixed_in=()), unfixed=False)
    assert against(advisory(), unfixed=False)


def test_uploads() -> None:
    """An own upload is another project than PyPI's of the same name, unless it is said to be it."""
    assert not against(advisory(), hosted=True)
    assert against(advisory(), hosted=True, uploads=True)


def test_nothing_is_known_yet() -> None:
    """As long as nothing was loaded every file is objected to, but for own uploads."""
    assert objected(offer(OLD)) == {
        OLD.filename: "what is known to be vulnerable has not been loaded yet"
    }
    assert objected(offer(OLD, hosted=True)) == {}


def test_a_file_of_no_known_version() -> None:
    """A file whose name tells no version may be of any that is vulnerable."""
    assert objected(offer(ODD, known=Known(advisories=(advisory(),))))
    assert not objected(offer(ODD, known=Known(advisories=())))


def test_several() -> None:
    """The worst comes first, and how many there are besides is said."""
    found = against(
        advisory("A-1", 7.0),
        advisory("A-2", 9.0),
        advisory("MAL-3", None, is_malware=True),
        severity="low",
    )

    assert found == {OLD.filename: "it is known as malware (MAL-3); and 2 more"}
