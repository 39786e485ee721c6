"""Each kind of rule with settings that it takes, and offers for them to judge."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from cloche import kinds, rules
from cloche.config.rules import clauses
from cloche.core.advisories import Advisory, Span
from cloche.core.known import NOTHING, Facts, Known, Lack, Need
from cloche.core.model import File, ProjectName
from cloche.core.policy import Candidate, Clause, Offer

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DEMO = ProjectName("demo")

LISTS = Path(__file__).parent / "lists"
LOCK, REQUIREMENTS = str(LISTS / "uv.lock"), str(LISTS / "requirements.txt")

BELIEVING = {"days": 7, "by": "first-seen", "first_page": "upload-time"}
SETTINGS: dict[str, list[Mapping[str, Any]]] = {
    "allow": [
        {"only": ["demo>=1.1", "other"]},
        {"only": ["demo==2.*"], "files": [LOCK], "exact": True},
        {"files": [LOCK]},
        {"only": ["other*"]},
    ],
    "vulnerable": [{}, {"severity": "never"}],
    "cooldown": [{"days": 7}, {"days": 7, "by": "first-seen"}, BELIEVING],
    "deny": [{"what": ["demo<1.1"]}, {"files": [REQUIREMENTS]}, {"what": ["dem*"]}],
    "frozen": [{"before": NOW - timedelta(days=90)}],
    "kinds": [{"only": ["wheel"]}, {"no": ["sdist", "egg"]}],
    "licence": [{"allow": ["MIT", "BSD-*"]}, {"deny": ["GPL-*"], "unknown": "allow"}],
    "metadata": [
        {"field": "keywords", "any": ["one"]},
        {"field": "requires-python", "admits": ["3.12"], "missing": "allow"},
    ],
    "newest": [
        {"count": 2},
        {"count": 1, "prereleases": 1, "by": "upload-time"},
        {"count": 1, "exactly": True},
    ],
    "pattern": [
        {"filename": [r"win_amd64", r"\.zip$"]},
        {"project": ["^demo$"], "version": [r"^\d+\.\d+$"], "match": "all", "keep": True},
        {"project": ["^d"]},
        {"filename": ["any"], "packagetype": ["^bdist"], "match": "all"},
    ],
    "pins": [{"files": [LOCK]}, {"files": [LOCK], "strict": True}],
    "platforms": [{"no": ["windows"]}, {"only": ["linux", "x86_64", "py3.12"]}],
    "prerelease": [{}, {"phases": ["rc"], "unless_only": True}],
    "project_size": [{"max": "1 TB"}],
    "provenance": [{}, {"publishers": ["github:acme/demo/release.yml"]}],
    "pypi_json": [
        {"path": "info.keywords", "any": ["one"]},
        {"path": "release_file.requires_python", "admits": ["3.12"], "missing": "allow"},
        {"path": "vulnerabilities", "none": ["^A-"], "missing": "allow"},
    ],
    "python": [{"versions": ["3.11", "3.12"]}, {"versions": ["2.7"], "admits": "none"}],
    "size": [{"max": "100 GB"}],
    "typosquat": [{"protect": ["dema", "numpy"]}, {"protect": ["demmo-*"]}],
    "versions": [{"min": 2, "max": 5}],
    "yanked": [{}],
}
"""For each kind, settings that object to some of what `offers` makes."""


def every_kind() -> list[str]:
    return kinds.names(rules)


def clause(kind: str, folder: Path = Path(), **settings: Any) -> Clause:
    """The rule as an index `main` would have it."""
    return clauses("main", [{"kind": kind, **settings}], "cloche.toml", folder)[0]


def offer(
    *files: File, hosted: bool = False, project: ProjectName = DEMO, known: Known = NOTHING
) -> Offer:
    """Files that an upstream offers of a project."""
    candidates = [Candidate(file, "pypi", hosted=hosted) for file in files]
    return Offer("main", project, candidates, known)


def objected(clause: Clause, *files: File, now: datetime = NOW) -> dict[str, str]:
    """To which of the files a rule objects, and why."""
    found = clause.judge(offer(*files), now)
    return {candidate.file.filename: said.reason for candidate, said in found}


VERSIONS = ("0.9", "1.0", "1.0.post1", "1.1rc1", "1.1", "2.0.dev3", "2.0", "10.0")
ENDS = (
    "-py3-none-any.whl",
    "-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "-cp313-cp313-win_amd64.whl",
    "-py2.py3-none-any.whl",
    ".tar.gz",
    ".zip",
)
WATCHED = NOW - timedelta(days=3)
AGES = st.none() | st.timedeltas(timedelta(0), timedelta(days=400)).map(lambda age: NOW - age)

ADVISORIES: st.SearchStrategy[tuple[Advisory, ...] | None] = st.sampled_from(
    [
        None,
        (),
        (
            Advisory(id="A-1", score=9.8, spans=(Span("1.0", "1.1"),), summary="x" * 300),
            Advisory(id="MAL-1", is_malware=True, versions=("2.0",)),
        ),
    ]
)

FILES = st.builds(
    File,
    filename=st.tuples(st.sampled_from(VERSIONS), st.sampled_from(ENDS)).map(
        lambda parts: f"demo-{''.join(parts)}"
    )
    | st.sampled_from(["demo.txt", "demo-what.whl", "demo-1.0-py3-none-any.whl.exe"]),
    hashes=st.sampled_from(["a", "b", "c"]).map(lambda digit: {"sha256": digit * 64}),
    size=st.none() | st.integers(0, 1 << 40),
    upload_time=AGES,
    first_seen=AGES | st.just(WATCHED),
    watched_since=st.just(WATCHED),
    requires_python=st.sampled_from([None, ">=3.8", "<4", "==2.7.*", "rubbish"]),
    yanked=st.sampled_from([False, True, "broken"]),
    provenance=st.sampled_from([None, "http://127.0.0.1:9/provenance"]),
)


METADATA: st.SearchStrategy[Facts | Lack] = st.sampled_from(
    [
        {"license-expression": ("MIT OR GPL-3.0-only",)},
        {"license-expression": ("GPL-3.0-or-later",), "keywords": ("one", "two")},
        {"classifier": ("License :: OSI Approved :: BSD License",), "license": ("BSD",)},
        {"name": ("demo",)},
        Lack("it offers no metadata"),
        Lack("its metadata is not known yet", NOW + timedelta(seconds=5)),
    ]
)

SIGNERS: st.SearchStrategy[Facts | Lack] = st.sampled_from(
    [
        {"signer": ("github:acme/demo/release.yml",)},
        {"signer": ("gitlab:acme/demo//release.yml", "github:Acme/Other/release.yml")},
        Lack("it offers no provenance"),
        Lack("its provenance is not known yet", NOW + timedelta(seconds=5)),
    ]
)


@st.composite
def offers(draw: st.DrawFn) -> Offer:
    """Pages of up to twelve files of various kinds and ages, each name once, more or less known."""
    files = draw(st.lists(FILES, max_size=12, unique_by=lambda file: file.filename))
    facts = {file.filename: draw(METADATA) for file in files}
    signers = {file.filename: draw(SIGNERS) for file in files}
    said = [*facts.values(), *signers.values()]
    agains = [each.again for each in said if isinstance(each, Lack) and each.again]
    again = min(agains, default=None)
    by_need: dict[Need, dict[str, Facts | Lack]] = {
        "metadata": facts,
        "info": facts,
        "provenance": signers,
    }
    known = Known(by_need, again, draw(ADVISORIES))
    return replace(offer(*files), known=known)
