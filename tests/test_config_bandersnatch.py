"""bandersnatch.conf in cloche's words: each filter withholds here what it leaves out there."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
import tomli_w

from cloche.config import load
from cloche.config.bandersnatch import FILTERS, translate
from cloche.core.errors import BadSetting
from cloche.core.known import Known
from cloche.core.model import File, ProjectName
from cloche.core.policy import Candidate, Clause, Offer, judge, settled
from cloche.core.pypi_json import FILE_FIELDS, PARTS
from tests.rules.samples import NOW

WHEEL = "-py3-none-any.whl"


def rules(tmp_path: Path, text: str) -> tuple[Clause, ...]:
    """The rules that a whole file comes to, as the server reads them."""
    file = tmp_path / "cloche.toml"
    file.write_text(tomli_w.dumps(translate(text, "main").tables))
    return load(file, environ={}).indexes["main"].clauses


def only(filter_: str, settings: str) -> str:
    return f"[plugins]\nenabled =\n    {filter_}\n{settings}"


def shown(
    clauses: Iterable[Clause],
    project: str,
    *files: File,
    facts: dict[str, tuple[str, ...]] | None = None,
) -> list[str]:
    """Which of a project's files the rules let through."""
    candidates = [Candidate(file, "pypi", hosted=False) for file in files]
    known = Known({"info": {file.filename: facts or {} for file in files}})
    offer = Offer("main", ProjectName(project), candidates, known)
    found = judge(offer, tuple(clauses), NOW).rulings
    return [file.filename for file in files if settled(found.get(file.filename, ())) is None]


def versions(clauses: Iterable[Clause], project: str, *said: str) -> list[str]:
    stem = project.replace("-", "_")
    files = (
        File(filename=f"{stem}-{each}{WHEEL}", size=1000, upload_time=NOW - timedelta(days=days))
        for days, each in enumerate(said)
    )
    return [name.split("-")[1] for name in shown(clauses, project, *files)]


def test_names_and_versions_that_are_allowed(tmp_path: Path) -> None:
    """With both allow-lists a project must be on the list, and its version fit."""
    text = "[allowlist]\npackages =\n    black<19  # not the new ones\n    # ptr\n    Ptr.X\n"
    names = rules(tmp_path, only("allowlist_project", text))
    both = rules(tmp_path, only("allowlist_project\n    allowlist_release", text))

    assert versions(names, "black", "18.5", "20.1") == ["18.5", "20.1"]
    assert versions(both, "black", "18.5", "20.1", "18.6b4") == ["18.5", "18.6b4"]
    assert versions(both, "ptr-x", "1.0") == ["1.0"]
    assert versions(both, "other", "1.0") == []


def test_names_and_versions_that_are_blocked(tmp_path: Path) -> None:
    """Of the blocked, those without versions are the project filter's, and all the release's."""
    text = "[blocklist]\npackages =\n    evil\n    example2>=1.4.2,<1.9,!=1.5.*\n"
    projects = rules(tmp_path, only("blocklist_project", text))
    releases = rules(tmp_path, only("blocklist_release", text))

    assert versions(projects, "evil", "1.0") == []
    assert versions(projects, "example2", "1.5", "1.6") == ["1.5", "1.6"]
    assert versions(releases, "evil", "1.0") == []
    assert versions(releases, "example2", "1.4", "1.5.1", "1.6", "1.9") == ["1.4", "1.5.1", "1.9"]


def test_requirements_files(tmp_path: Path) -> None:
    """What requirements files name is allowed; a version there goes before all release filters."""
    (tmp_path / "requirements-a.txt").write_text("--no-index\nflask==2.0rc1  # pinned\n")
    (tmp_path / "requirements-b.txt").write_text("requests\n")
    text = f"[allowlist]\nrequirements_path = {tmp_path}\nrequirements =\n    requirements-*.txt\n"
    names = "project_requirements\n    project_requirements_pinned\n    prerelease_release"
    found = rules(tmp_path, only(names, text))

    assert versions(found, "flask", "1.0", "2.0rc1") == ["2.0rc1"]
    assert versions(found, "requests", "1.0", "2.0rc1") == ["1.0"]
    assert versions(found, "other", "1.0") == []


def test_regular_expressions(tmp_path: Path) -> None:
    """A pattern begins where the name or version does, and what it matches is left out."""
    text = "[filter_regex]\npackages =\n    .+-evil$\nreleases =\n    .+alpha\\d$\n    1\\.1\n"
    found = rules(tmp_path, only("regex_project\n    regex_release", text))

    assert versions(found, "very-evil", "1.0") == []
    assert versions(found, "evil-not", "1.0", "1.1", "2.1.1") == ["1.0", "2.1.1"]


@pytest.mark.parametrize(("packages", "left"), [("", ["1.0"]), ("other", ["1.0", "2.0rc1"])])
def test_prereleases(tmp_path: Path, packages: str, left: list[str]) -> None:
    """Pre-releases of all projects are left out, or of those that are named."""
    text = f"[filter_prerelease]\npackages =\n    {packages}\n" if packages else ""

    assert (
        versions(rules(tmp_path, only("prerelease_release", text)), "demo", "1.0", "2.0rc1") == left
    )


@pytest.mark.parametrize(("order", "left"), [("version", ["3.0", "2.0"]), ("time", ["1.0", "3.0"])])
def test_the_latest(tmp_path: Path, order: str, left: list[str]) -> None:
    """So many of the newest are kept, by version or by time."""
    text = f"[latest_release]\nkeep = 2\nsort_by = {order}\n"

    found = versions(rules(tmp_path, only("latest_release", text)), "demo", "1.0", "3.0", "2.0")
    assert sorted(found) == sorted(left)


def test_sizes(tmp_path: Path) -> None:
    """A project beyond the size is left out, but for those on the allow-list; K is 1024."""
    text = "[allowlist]\npackages =\n    numpy\n[size_project_metadata]\nmax_package_size = 2K\n"
    found = rules(tmp_path, only("size_project_metadata", text))

    assert versions(found, "demo", "1.0", "2.0") == ["1.0", "2.0"]
    assert versions(found, "demo", "1.0", "2.0", "3.0") == []
    assert versions(found, "numpy", "1.0", "2.0", "3.0") == ["1.0", "2.0", "3.0"]


def test_numbers_of_versions(tmp_path: Path) -> None:
    """A project of fewer or more versions is left out."""
    text = "[versions_count_project_metadata]\nmin_versions = 2\nmax_versions = 3\n"
    found = rules(tmp_path, only("versions_count_project_metadata", text))

    assert versions(found, "demo", "1") == []
    assert versions(found, "demo", "1", "2") == ["1", "2"]
    assert versions(found, "demo", "1", "2", "3", "4") == []


def test_platforms(tmp_path: Path) -> None:
    """Binaries for what is named are left out, old installers with their system; sdists never."""
    text = "[blocklist]\nplatforms =\n    windows\n    py2.7\n    macosx\n    amiga\n"
    found = rules(tmp_path, only("exclude_platform", text))
    names = [
        "demo-1.0-cp312-cp312-win_amd64.whl",
        "demo-1.0-cp27-cp27mu-manylinux1_x86_64.whl",
        "demo-1.0-cp312-cp312-macosx_11_0_arm64.whl",
        "demo-1.0.win32-py2.6.exe",
        "demo-1.0-cp312-cp312-manylinux2014_x86_64.whl",
        "demo-1.0.tar.gz",
    ]

    assert shown(found, "demo", *(File(filename=name) for name in names)) == names[-2:]
    assert translate(only("exclude_platform", text), "main").notes == [
        "[blocklist] platforms: amiga is no word of bandersnatch's"
    ]


def test_ranges_of_python(tmp_path: Path) -> None:
    """A file is to admit one of the Pythons; what states none does, unless told otherwise."""
    files = [
        File(filename=f"demo-1.0-{n}-py3-none-any.whl", requires_python=said)
        for n, said in enumerate([">=3.12", "<3.8", None])
    ]
    section = "version_range_release_file_metadata"
    key = "release_file.requires_python =\n    3.11\n    3.12\n"

    lenient = rules(tmp_path, only(section, f"[{section}]\n{key}"))
    strict = rules(tmp_path, only(section, f"[{section}]\nnot-null:{key}"))
    assert shown(lenient, "demo", *files) == [files[0].filename, files[2].filename]
    assert shown(strict, "demo", *files) == [files[0].filename]


@pytest.mark.parametrize(
    ("key", "facts", "fits"),
    [
        ("info.classifiers", ("Framework :: Django",), True),
        ("info.classifiers", ("Other",), False),
        ("info.classifiers", (), True),
        ("not-null:info.classifiers", (), False),
        ("all:info.classifiers", ("Framework :: Django",), True),
        ("none:info.classifiers", ("Framework :: Django",), False),
        ("none:info.classifiers", ("Other",), True),
        ("none:info.classifiers", (), False),
    ],
)
def test_metadata(tmp_path: Path, key: str, facts: tuple[str, ...], fits: bool) -> None:  # noqa: FBT001
    """Patterns over PyPI's JSON are over what it is made of here, and null is as it is there."""
    text = f"[regex_project_metadata]\n{key} =\n    Framework :: .*\n"
    found = rules(tmp_path, only("regex_project_metadata", text))
    file = File(filename=f"demo-1.0{WHEEL}")

    known = {"classifier": facts} if facts else {}
    assert bool(shown(found, "demo", file, facts=known)) is fits


def test_facts_of_files(tmp_path: Path) -> None:
    """Patterns over a release's file are patterns over what the page says of it."""
    text = "[regex_release_file_metadata]\nany:release_file.packagetype =\n    sdist\n"
    found = rules(tmp_path, only("regex_release_file_metadata", text))
    files = [File(filename=f"demo-1.0{end}") for end in (WHEEL, ".tar.gz")]

    assert shown(found, "demo", *files) == ["demo-1.0.tar.gz"]


def test_every_filter_is_known() -> None:
    """All are enabled by one word; without settings some let nothing through, as they do there."""
    found = translate("[plugins]\nenabled = all\n", "main")

    assert len(FILTERS) == 17
    assert [(rule["name"], rule.get("what")) for rule in found.tables["index"]["main"]["rule"]] == [
        ("allowlist_release", ["*"]),
        ("prerelease_release", None),
        ("project_requirements_pinned", ["*"]),
    ]
    assert found.notes == [
        f"{name}: there is nothing on the list, so that bandersnatch takes nothing at all"
        for name in ("allowlist_release", "project_requirements_pinned")
    ]


def test_where_it_mirrors_from() -> None:
    """Another master than PyPI becomes an upstream, with its proxy and its patience."""
    text = (
        "[mirror]\ndirectory = /srv\nmaster = https://corp.test/\nproxy = http://p.test\n"
        "timeout = 9\nhash-index = true\nrelease-files = false\n"
    )
    found = translate(text, "main")

    assert found.tables == {
        "index": {"main": {"sources": ["mirrored"], "default": True}},
        "upstream": {
            "mirrored": {
                "url": "https://corp.test/simple/",
                "proxy": "http://p.test",
                "read_timeout": 9,
            }
        },
    }
    assert found.notes == [
        "[mirror] hash-index: folders named by a letter are for file systems; here is none between",
        "[mirror] release-files: files come when they are first asked for",
    ]


def test_old_words() -> None:
    """What bandersnatch called whitelist and blacklist once is understood; values are let be."""
    text = "[plugins]\nenabled = blacklist_project\n[blacklist]\npackages = evil\n"
    (rule,) = translate(text, "main").tables["index"]["main"]["rule"]

    assert rule == {"kind": "deny", "name": "blocklist_project", "what": ["evil"]}
    text = "[plugins]\nenabled = regex_project\n[filter_regex]\npackages = blacklist-.*\n"
    (rule,) = translate(text, "main").tables["index"]["main"]["rule"]
    assert rule["project"] == [r"\A(?:blacklist-.*)"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("packages = x", "no bandersnatch.conf"),
        ("[plugins]\nenabled = allowlist_project\n[allowlist]\npackages = a b", "no requirement"),
        (
            "[plugins]\nenabled = project_requirements\n[allowlist]\nrequirements = /no/such/file",
            "cannot be read",
        ),
    ],
)
def test_what_cannot_be_read(text: str, says: str) -> None:
    """A mistake is an error that names it."""
    with pytest.raises(BadSetting, match=says):
        translate(text, "main")


def test_what_is_not_known() -> None:
    """Filters, words and options that bandersnatch has not either are named; nothing else is."""
    text = (
        "[mirror]\ndirectory = /srv\ncolour = red\ndiff-file = /d\n"
        "[plugins]\nenabled = mine_project size_project_metadata versions_count_project_metadata\n"
        "[size_project_metadata]\nmax_package_size = huge\n"
        "[versions_count_project_metadata]\nmin_versions = 3\nmax_versions = 2\n"
    )
    found = translate(text, "main")

    assert found.tables == {"index": {"main": {"sources": ["pypi"], "default": True}}}
    assert found.notes == [
        "[mirror] colour is no option of bandersnatch that is known here",
        (
            "[mirror] diff-file: what has changed is told by /-/api/v1/indexes/NAME/changes, or "
            "webhooks"
        ),
        "[plugins] enables mine_project, which is no filter known here",
        "[size_project_metadata] max_package_size: huge is no size: it limits nothing",
        (
            "[versions_count_project_metadata] min_versions is more than max_versions: it limits "
            "nothing"
        ),
    ]


def test_paths_that_lead_nowhere() -> None:
    """What PyPI's JSON does not have is null for all: it leaves nothing out, or everything."""
    text = "[regex_project_metadata]\ninfo.nothing = 1\nnot-null:release_file.size = 1\n"
    found = translate(only("regex_project_metadata", text), "main")

    assert found.tables["index"]["main"]["rule"] == [
        {"kind": "deny", "name": "regex_project_metadata", "what": ["*"]}
    ]
    assert found.notes == [
        (
            "[regex_project_metadata] info.nothing: there is no info.nothing, so that it leaves "
            "nothing out"
        ),
        (
            "[regex_project_metadata] not-null:release_file.size: there is no release_file.size, "
            "so that bandersnatch takes nothing at all"
        ),
    ]


@pytest.mark.parametrize("known", sorted({*PARTS, "info.classifiers", "info.downloads.last_day"}))
def test_every_path_of_a_project(tmp_path: Path, known: str) -> None:
    """What PyPI's JSON has can be asked about, what bandersnatch itself fails on too."""
    text = f"[regex_project_metadata]\n{known} = .\n"
    (rule,) = rules(tmp_path, only("regex_project_metadata", text))

    assert (rule.kind, rule.name) == ("pypi_json", "regex_project_metadata")


@pytest.mark.parametrize(
    "known", ["release", "info.version", *map("release_file.{}".format, FILE_FIELDS)]
)
def test_every_path_of_a_file(tmp_path: Path, known: str) -> None:
    """What it says of a file can be asked about: numbers and truth values as JSON writes them."""
    both = ("regex_release_file_metadata", "version_range_release_file_metadata")
    text = f"[{both[0]}]\nnone:{known} = ^nothing\n[{both[1]}]\n{known} = 1\n"
    found = rules(tmp_path, only("\n    ".join(both), text))

    assert [rule.name for rule in found] == [*both]


def test_what_bandersnatch_never_asks() -> None:
    """A filter that nothing calls there does here what it says, and the reader is told."""
    section = "version_range_project_metadata"
    found = translate(only(section, f"[{section}]\nnot-null:info.requires_python = 3.12\n"), "main")

    assert found.tables["index"]["main"]["rule"] == [
        {"kind": "pypi_json", "name": section, "path": "info.requires_python", "admits": ["3.12"]}
    ]
    assert found.notes == [f"{section}: bandersnatch never asks it; here it does what it says"]
    assert translate(only(section, ""), "main").notes == []


def test_known_vulnerabilities_have_a_source(tmp_path: Path) -> None:
    """Who asks about vulnerabilities is given the place that PyPI has them from."""
    found = translate(
        only("regex_project_metadata", "[regex_project_metadata]\nvulnerabilities = PYSEC\n"),
        "main",
    )

    assert set(found.tables) == {"index", "advisories"}
    file = tmp_path / "cloche.toml"
    file.write_text(tomli_w.dumps(found.tables))
    assert load(file, environ={}).indexes["main"].clauses[0].needs == {"advisories"}
