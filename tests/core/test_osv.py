"""Advisories in OSV's schema: which versions they mean, and how bad it is."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from cloche.core import osv
from cloche.core.advisories import Advisory, Span, concerned
from cloche.core.errors import BadName
from cloche.core.model import ProjectName
from tests.osv import CRITICAL, affected, document

DEMO = ProjectName("demo")


def read(raw: bytes) -> Advisory:
    return osv.read(raw)[DEMO]


def hit(advisory: Advisory, *versions: str) -> list[str]:
    """Which of the versions it is about."""
    found = concerned([advisory], map(Version, versions))
    return [text for text in versions if Version(text) in found]


def test_all_that_is_told() -> None:
    """What an advisory says is kept: names, words, score, fixes, and since when it is withdrawn."""
    found = read(
        document(
            "GHSA-1",
            affected("Demo", {"introduced": "1.0"}, {"fixed": "1.2"}, versions=["1.0", "1.1"]),
            aliases=["CVE-2026-1"],
            summary="It is bad",
            details="Very",
            withdrawn="2026-02-03T04:05:06Z",
            severity=[{"type": "CVSS_V3", "score": CRITICAL}],
        )
    )

    assert found == Advisory(
        id="GHSA-1",
        aliases=("CVE-2026-1",),
        summary="It is bad",
        details="Very",
        withdrawn=datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
        score=9.8,
        versions=("1.0", "1.1"),
        spans=(Span("1.0", "1.2"),),
        fixed_in=("1.2",),
    )
    assert found.names == {"GHSA-1", "CVE-2026-1"}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([{"introduced": "0"}], ["0.9", "1.0rc1", "1.0", "1.5", "2.0"]),
        ([{"introduced": "1.0"}, {"fixed": "2.0"}], ["1.0", "1.5"]),
        ([{"fixed": "1.0"}, {"introduced": "0"}], ["0.9", "1.0rc1"]),
        ([{"introduced": "1.0"}, {"last_affected": "1.5"}], ["1.0", "1.5"]),
        ([{"introduced": "1.0"}, {"limit": "1.5"}], ["1.0"]),
        (
            [{"introduced": "0"}, {"fixed": "1.0"}, {"introduced": "1.5"}, {"fixed": "2.0"}],
            ["0.9", "1.0rc1", "1.5"],
        ),
        ([{"introduced": "1.5"}, {"last_affected": "1.5"}], ["1.5"]),
    ],
)
def test_ranges(events: list[dict[str, str]], expected: list[str]) -> None:
    """A range means the versions between its events, in the order of PEP 440."""
    found = read(document("A-1", affected("demo", *events)))

    assert hit(found, "0.9", "1.0rc1", "1.0", "1.5", "2.0") == expected


@pytest.mark.parametrize(
    "about",
    [
        affected("demo"),
        affected("demo", ranges=[{"type": "GIT", "events": [{"introduced": "0"}]}]),
        affected("demo", {"fixed": "what"}),
        affected("demo", {"introduced": "what"}),
    ],
    ids=["nothing", "commits", "no-fix", "no-beginning"],
)
def test_doubt_means_every_version(about: dict[str, Any]) -> None:
    """What does not say which versions it means, or not so that it is understood, means all."""
    assert hit(read(document("A-1", about)), "0.1", "99") == ["0.1", "99"]


def test_named_versions() -> None:
    """Versions that are named are meant however they are written, and beside those of ranges."""
    about = affected("demo", {"introduced": "3"}, versions=["1.0.0", "v2.0-rc.1", "rubbish"])

    found = read(document("A-1", about))

    assert hit(found, "1.0", "2.0rc1", "2.0", "3.1") == ["1.0", "2.0rc1", "3.1"]


def test_local_versions() -> None:
    """A local version is meant by whatever means the public one."""
    about = affected("demo", {"introduced": "2"}, {"last_affected": "2.5"}, versions=["1.0"])

    found = read(document("A-1", about))

    assert hit(found, "1.0+cu118", "2.5+cpu", "2.6+cpu") == ["1.0+cu118", "2.5+cpu"]


def test_one_project_in_several_entries() -> None:
    """What several entries say of one project adds up; other ecosystems are not meant."""
    other = {"package": {"ecosystem": "npm", "name": "demo"}, "versions": ["3.0"]}
    first, second = affected("demo", versions=["1.0"]), affected("DEMO", versions=["2.0"])

    found = osv.read(document("A-1", first, second, other, affected("else", versions=["9"])))

    assert found.keys() == {"demo", "else"}
    assert hit(found[DEMO], "1.0", "2.0", "3.0") == ["1.0", "2.0"]
    assert osv.read(document("A-1", other)) == {}


@pytest.mark.parametrize(
    ("said", "score"),
    [
        ({"severity": [{"type": "CVSS_V3", "score": CRITICAL}]}, 9.8),
        ({"severity": [{"type": "CVSS_V2", "score": "AV:N/AC:L/Au:N/C:N/I:N/A:P"}]}, 5.0),
        (
            {
                "severity": [
                    {
                        "type": "CVSS_V4",
                        "score": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H",
                    }
                ]
            },
            10.0,
        ),
        ({"database_specific": {"severity": "MODERATE"}}, 4.0),
        ({"severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/rubbish"}]}, None),
        ({"severity": [{"type": "Ubuntu", "score": "high"}]}, None),
        ({}, None),
    ],
)
def test_scores(said: dict[str, Any], score: float | None) -> None:
    """The score is that of the vector, by any version of CVSS; else where its word begins."""
    assert read(document(**said)).score == score


def test_scores_beside_versions() -> None:
    """The highest score counts, wherever it stands."""
    severity = [{"type": "CVSS_V3", "score": CRITICAL}]
    about = affected("demo", versions=["1"], severity=severity)

    assert read(document("A-1", about, severity=[])).score == 9.8


def test_malware() -> None:
    """An advisory is of malware by its id, or by that of another that says the same."""
    assert read(document("MAL-2026-1")).is_malware
    assert read(document("GHSA-1", aliases=["MAL-2026-1"])).is_malware
    assert not read(document("GHSA-1")).is_malware


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'{"id": 1}',
        b'{"id": "A-1", "affected": [{"package": "demo"}]}',
        b"[" * 100_000,
        document("a\nb"),
        document("A-1", affected("no name")),
    ],
    ids=["empty", "list", "number", "package", "deep", "line", "name"],
)
def test_what_is_no_advisory(raw: bytes) -> None:
    """What is no advisory is refused, whatever it is."""
    with pytest.raises(BadName):
        osv.read(raw)


def test_long_words_are_cut() -> None:
    """An advisory cannot fill the database."""
    found = read(document(summary="x" * 10_000, details="y" * 100_000, aliases=["A-1"] * 1000))

    assert len(msgspec.json.encode(found)) < 6_000


VERSIONS = [f"{major}.{minor}" for major in range(4) for minor in range(3)]
EVENTS = st.lists(
    st.tuples(st.sampled_from(["introduced", "fixed", "last_affected"]), st.sampled_from(VERSIONS)),
    min_size=1,
    max_size=6,
    unique_by=lambda event: event[1],
)


@given(EVENTS)
def test_ranges_mean_what_the_schema_says(events: list[tuple[str, str]]) -> None:
    """Versions are affected as the schema's own evaluation has it (OSV schema, Evaluation)."""
    events = [("introduced", "0"), *((k, v) for k, v in events if v != "0.0")]
    found = read(document("A-1", affected("demo", *({kind: at} for kind, at in events))))

    assert hit(found, *VERSIONS) == [each for each in VERSIONS if evaluated(each, events)]


def evaluated(text: str, events: list[tuple[str, str]]) -> bool:
    version, vulnerable = Version(text), False
    for kind, raw in sorted(events, key=lambda event: Version(event[1])):
        at = Version(raw)
        if kind == "introduced":
            vulnerable = vulnerable or version >= at
        elif version > at or (kind == "fixed" and version == at):
            vulnerable = False
    return vulnerable
