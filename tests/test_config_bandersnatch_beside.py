"""bandersnatch's own filters, and the rules that its settings are translated to, side by side."""

import json
import subprocess
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import tomli_w

from cloche.config import load
from cloche.config.bandersnatch import translate
from cloche.core.advisories import Advisory, Span
from cloche.core.known import Known, description, whole
from cloche.core.metadata import Metadata
from cloche.core.model import File, Page, ProjectName
from cloche.core.policy import Candidate, Offer, judge, settled
from cloche.core.pypi_json import Account, render
from cloche.core.releases import by_preference, releases
from cloche.rules.pypi_json import ROOT
from tests.clients.client import ROOT as HERE
from tests.clients.client import Client
from tests.mirror import filtering
from tests.rules.samples import NOW

PACKAGES = "http://127.0.0.1:9/packages/"
FILENAMES = (
    "demo-0.9.tar.gz",
    "demo-1.0-py2.py3-none-any.whl",
    "demo-1.0-py3-none-any.whl",
    "demo-1.0.tar.gz",
    "demo-1.0.win32-py2.7.exe",
    "demo-1.0-py2.7.egg",
    "demo-1.1-cp312-cp312-win_amd64.whl",
    "demo-1.1-cp312-abi3-manylinux2014_x86_64.whl",
    "demo-1.1-cp313-cp313-macosx_11_0_arm64.whl",
    "demo-1.1-cp27-cp27mu-manylinux1_i686.whl",
    "demo-1.1-pp310-pypy310_pp73-win32.whl",
    "demo-2.0rc1.tar.gz",
    "demo-2.0rc1.post1.tar.gz",
    "demo-2.0.tar.gz",
    "demo-2.1.dev3.tar.gz",
    "demo-3.0b1.zip",
)
ANN = Metadata(
    metadata_version="2.4",
    name="demo",
    version="2.0",
    requires_python=">=3.9",
    requires_dist=("numpy>=2", "scipy ; extra == 'all'"),
    provides_extra=("all",),
    summary="Of cheese",
    description="First line\nSecond line: Wensleydale",
    description_content_type="text/markdown",
    author_email="Ann <ann@example.org>",
    license_expression="MIT OR Apache-2.0",
    license_files=("LICENSE",),
    project_urls={"Homepage": "https://example.org/demo", "Source": "https://example.org/git"},
    classifiers=("Framework :: Django", "Programming Language :: Python :: 3"),
    keywords=("cheese", "shop"),
    dynamic=("license-file",),
)
FLAW = Advisory(id="PYSEC-1", aliases=("CVE-2026-1",), spans=(Span("1.0", "2.1"),))


def _file(number: int, filename: str) -> File:
    return File(
        filename=filename,
        hashes={"sha256": f"{number:064x}", "md5": f"{number:032x}"},
        url=f"{PACKAGES}{number:064x}/{filename}",
        size=1000 * (number + 1),
        core_metadata={"sha256": f"{number:064x}"},
        upload_time=NOW - timedelta(days=100 - number * 7 % 50),
        requires_python=(None, ">=3.8", "<3.8", ">=3.12.1", "~=3.11")[number % 5],
        yanked=(False, "broken", False, True)[number % 4],
    )


class Project:
    """What an upstream has of a project, to be told to both."""

    def __init__(self, name: str, metadata: Metadata, *, last: int, flaws: bool = False) -> None:
        stem = name.replace("-", "_")
        names = (each.replace("demo", stem, 1) for each in FILENAMES[:last])
        self.name = ProjectName(name)
        self.files = [_file(number, each) for number, each in enumerate(names)]
        self.metadata = metadata
        self.advisories = (FLAW,) if flaws else ()

    def document(self) -> dict[str, Any]:
        """PyPI's JSON of it."""
        page = Page(name=self.name, files=tuple(self.files))
        account = Account(
            page=page,
            releases=releases(page),
            serial=7,
            address=f"{ROOT}{self.name}/",
            packages=PACKAGES,
            advisories=self.advisories,
        )
        release = by_preference(account.releases)[0]
        found: dict[str, Any] = msgspec.json.decode(
            render(account, release, self.metadata, history=True)
        )
        found["info"]["release_url"] = f"{ROOT}{self.name}/{release.version}/"  # as PyPI has it
        return found

    def offer(self) -> Offer:
        candidates = [Candidate(file, "pypi", hosted=False) for file in self.files]
        facts, text = whole(self.metadata), description(self.metadata)
        known = Known(
            {
                "info": {file.filename: facts for file in self.files},
                "description": {file.filename: text for file in self.files},
            },
            advisories=self.advisories,
        )
        return Offer("main", self.name, candidates, known, serial=7)


def bare(name: str) -> Metadata:
    return Metadata(metadata_version="2.1", name=name, version="1.0")


PROJECTS = (
    Project("demo", ANN, last=16, flaws=True),
    Project("other", bare("other"), last=4),
    Project("very-evil", bare("very-evil"), last=1),
)


def enabling(*filters: str, **sections: str) -> str:
    named = "".join(f"    {each}\n" for each in filters)
    said = "".join(f"[{name}]\n{text}\n" for name, text in sections.items())
    return f"[plugins]\nenabled =\n{named}{said}"


def project_json(said: str) -> str:
    return enabling("regex_project_metadata", regex_project_metadata=said)


def file_json(said: str) -> str:
    return enabling("regex_release_file_metadata", regex_release_file_metadata=said)


def ranged(said: str) -> str:
    name = "version_range_release_file_metadata"
    return enabling(name, **{name: said})


REQUIRED = "requirements_path = FOLDER\nrequirements =\n    re*.txt\n"
REQUIREMENTS = "--no-index\ndemo==2.0rc1,>1  # pinned\nOther\n"
LISTED = "packages =\n    demo>=1.1,!=2.*\n    other\n"
TEXTS = (
    "info.author", "info.author_email", "info.bugtrack_url", "info.classifiers",
    "info.description", "info.description_content_type", "info.docs_url", "info.download_url",
    "info.dynamic", "info.home_page", "info.keywords", "info.license",
    "info.license_expression", "info.license_files", "info.maintainer", "info.maintainer_email",
    "info.name", "info.nothing", "info.package_url", "info.platform", "info.project_url",
    "info.project_urls.Homepage", "info.project_urls.Nowhere", "info.provides_extra",
    "info.release_url", "info.requires_dist", "info.requires_python", "info.summary",
    "info.version", "info.yanked_reason",
)  # fmt: skip
"""Paths to what is text, a list of texts, or null."""

OF_PROJECTS = (
    "nothing", "ownership.organization", "ownership.roles", "release_file.size",
    "releases.3", "urls.filename", "vulnerabilities.id",
)  # fmt: skip
OF_FILES = (
    "release", "release_file.comment_text", "release_file.core-metadata.sha256",
    "release_file.digests.md5", "release_file.digests.sha256", "release_file.filename",
    "release_file.md5_digest", "release_file.nothing", "release_file.packagetype",
    "release_file.python_version", "release_file.requires_python", "release_file.upload_time",
    "release_file.upload_time_iso_8601", "release_file.url", "release_file.yanked_reason",
    "releases", "vulnerabilities",
)  # fmt: skip
TAGS = ("", "all:not-null:", "none:")
SAYS = "\n    .*[Cc]hee[rs]e\n    (?s).*Wensleydale\n    .*(?:MIT|Django|py3|1\\.0|broken)"

CASES: Mapping[str, str] = {
    "nothing": "",
    "allowlist_project": enabling("allowlist_project", allowlist=LISTED),
    "allowlist_release": enabling("allowlist_release", allowlist=LISTED),
    "allowlist_both": enabling("allowlist_project", "allowlist_release", allowlist=LISTED),
    "allowlist_empty": enabling("allowlist_project", "allowlist_release"),
    "blocklist_project": enabling("blocklist_project", blocklist=LISTED),
    "blocklist_release": enabling("blocklist_release", blocklist=LISTED),
    "blocklist_extra": enabling("blocklist_project", blocklist="packages = other[all]"),
    "regex_project": enabling("regex_project", filter_regex="packages =\n    .+-evil$\n    emo"),
    "regex_release": enabling("regex_release", filter_regex="releases =\n    .+rc\\d$\n    1\\."),
    "regex_flags": enabling("regex_release", filter_regex="releases = (?ix)2.0 RC # a comment"),
    "prerelease": enabling("prerelease_release"),
    "prerelease_of": enabling("prerelease_release", filter_prerelease="packages =\n    other\n"),
    "windows": enabling("exclude_platform", blocklist="platforms = windows"),
    "linux_macos": enabling("exclude_platform", blocklist="platforms =\n    linux\n    macosx"),
    "pythons": enabling("exclude_platform", blocklist="platforms = py2 py2.7 py3.12"),
    "machine": enabling("exclude_platform", blocklist="platforms = manylinux1_i686"),
    "size": enabling("size_project_metadata", size_project_metadata="max_package_size = 10 KB"),
    "size_but": enabling(
        "size_project_metadata",
        size_project_metadata="max_package_size = 0.5k",
        allowlist="packages = Other",
    ),
    "size_none": enabling("size_project_metadata", size_project_metadata="max_package_size = 0"),
    **{
        f"latest_{keep}_{by}": enabling(
            "latest_release", latest_release=f"keep = {keep}\nsort_by = {by}"
        )
        for keep in (1, 2, 5, 50)
        for by in ("version", "time")
    },
    **{
        f"project {tag}{each}": project_json(f"{tag}{each} ={SAYS}")
        for each in TEXTS + OF_PROJECTS
        for tag in TAGS
    },
    **{
        f"file {tag}{each}": file_json(f"{tag}{each} ={SAYS}")
        for each in TEXTS[::6] + OF_FILES
        for tag in TAGS
    },
    "no patterns": project_json("info.summary ="),
    "all of no patterns": project_json("all:info.author ="),
    "none of no patterns": project_json("none:info.summary ="),
    "two paths": project_json("info.summary = Of\nnot-null:info.keywords = cheese"),
    "percents": project_json("info.summary = .*(?:%%|cheese)"),
    "requirements": enabling("project_requirements", allowlist=REQUIRED),
    "pinned": enabling("project_requirements_pinned", "prerelease_release", allowlist=REQUIRED),
    "pinned without files": enabling("project_requirements_pinned"),
    "range": ranged("release_file.requires_python =\n    3.12\n    3.10.2"),
    "range of the project": ranged("info.requires_python = 3.8"),
    "range of nothing": ranged("release_file.nothing = 3.8"),
    "range without versions": ranged("info.requires_python ="),
}  # fmt: skip

NEWER: Mapping[str, str] = {
    **{
        f"versions {least} to {most}": enabling(
            "versions_count_project_metadata",
            versions_count_project_metadata=f"min_versions = {least}\nmax_versions = {most}",
            **listed,
        )
        for least, most in ((2, 0), (0, 2), (2, 3), (3, 2))
        for listed in ({}, {"allowlist": "packages = demo"})[: 1 + (most == 2)]
    },
    "search": project_json("search = yes\nnot-null:info.description = Wensleydale"),
}
"""What bandersnatch has learned since 7.0."""


def _cases(version: str, folder: Path) -> dict[str, str]:
    (folder / "requirements.txt").write_text(REQUIREMENTS)
    cases = {**CASES, **(NEWER if version == "bandersnatch8" else {})}
    return {case: settings.replace("FOLDER", str(folder)) for case, settings in cases.items()}


def _left(settings: str, folder: Path) -> dict[str, list[str]]:
    """What the rules leave of each project."""
    file = folder / "cloche.toml"
    file.write_text(tomli_w.dumps(translate(settings, "main").tables))
    clauses = load(file, environ={}).indexes["main"].clauses
    found = {}
    for each in PROJECTS:
        rulings = judge(each.offer(), clauses, NOW).rulings
        names = (file.filename for file in each.files)
        found[str(each.name)] = sorted(n for n in names if settled(rulings.get(n, ())) is None)
    return found


def _asked(version: str, home: Path, settings: Iterable[str]) -> list[filtering.Left]:
    """What a real bandersnatch's filters leave, case by case."""
    documents = [each.document() for each in PROJECTS]
    cases = [{"conf": each, "projects": documents} for each in settings]
    client = Client(version, home)
    done = subprocess.run(
        [client.program.with_name("python"), "-P", Path(filtering.__file__)],
        env=client.settings(),
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    found: list[filtering.Left] = json.loads(done.stdout)
    return found


@pytest.mark.clients
@pytest.mark.parametrize("version", ["bandersnatch", "bandersnatch8"])
def test_rules_leave_what_its_filters_leave(version: str, tmp_path: Path) -> None:
    """Every filter, every option, every path of text and every tag leave the same files."""
    if (HERE / ".venvs" / version / "why-not").exists():
        pytest.skip(f"no Python here for {version}")
    cases = _cases(version, tmp_path)
    theirs = dict(zip(cases, _asked(version, tmp_path, cases.values()), strict=True))

    ours = {case: _left(settings, tmp_path) for case, settings in cases.items()}

    assert {case: left for case, left in ours.items() if left != theirs[case]} == {}
    assert {sum(map(len, left.values())) for left in ours.values()} >= {0, 4, 5, 16, 17, 20, 21}
