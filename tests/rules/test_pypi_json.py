"""Regular expressions over PyPI's JSON of a project, and over what that says of a file."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cloche.core.advisories import Advisory, Span
from cloche.core.errors import BadSetting
from cloche.core.known import Facts, Known, Lack
from cloche.core.model import File
from tests.rules.samples import NOW, clause, offer

OLD = File(filename="demo-1.0.tar.gz")
WHEEL = File(
    filename="demo-2.0-py2.py3-none-any.whl",
    hashes={"sha256": "ab" * 32, "md5": "cd" * 16},
    url="http://127.0.0.1:9/files/demo-2.0-py2.py3-none-any.whl",
    size=1000,
    upload_time=datetime(2026, 3, 1, tzinfo=UTC),
    requires_python=">=3.9",
    core_metadata={"sha256": "ef" * 32},
    yanked="broken",
)
NEWER = File(filename="demo-3.0a1.tar.gz")
FACTS: Facts = {
    "name": ("Demo",),
    "classifier": ("Typing :: Typed", "Topic :: Internet"),
    "project-url": ("Home, https://example.org/demo",),
    "requires-python": (">=3.9",),
}


def objected(path: str, *files: File, known: Known | None = None, **settings: Any) -> set[str]:
    """The versions of files that the rule objects to."""
    offered = offer(*(files or (OLD, WHEEL, NEWER)))
    facts = dict.fromkeys((each.filename for each in files or (OLD,)), FACTS)
    told = known or Known({"info": facts, "description": facts})
    judged = clause("pypi_json", path=path, **settings).judge(replace(offered, known=told), NOW)
    return {str(candidate.version) for candidate, _ in judged}


def says(path: str, wanted: str, file: File = WHEEL) -> bool:
    """Whether the rule finds that text, and nothing else, where the path leads for the file."""
    return not objected(path, file, any=[f"^{wanted}$"])


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("release", "2.0"),
        ("release_file", "size"),
        ("release_file.comment_text", ""),
        ("release_file.core-metadata.sha256", "(ef){32}"),
        ("release_file.digests", "md5, (cd){16}"),
        ("release_file.digests.sha256", "(ab){32}"),
        ("release_file.downloads", "-1"),
        ("release_file.filename", r"demo-2\.0-py2\.py3-none-any\.whl"),
        ("release_file.has_sig", "false"),
        ("release_file.md5_digest", "(cd){16}"),
        ("release_file.packagetype", "bdist_wheel"),
        ("release_file.python_version", r"py2\.py3"),
        ("release_file.requires_python", ">=3.9"),
        ("release_file.size", "1000"),
        ("release_file.upload_time", "2026-03-01T00:00:00"),
        ("release_file.upload_time_iso_8601", r"2026-03-01T00:00:00\.000000Z"),
        ("release_file.url", "http://127.*whl"),
        ("release_file.yanked", "true"),
        ("release_file.yanked_reason", "broken"),
    ],
)
def test_what_is_said_of_a_file(path: str, wanted: str) -> None:
    """Each field of a file is there as PyPI's JSON has it, and needs no look at any metadata."""
    assert says(path, wanted)
    assert clause("pypi_json", path=path, any=["."]).needs == frozenset()


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("info", "classifiers"),
        ("info.classifiers", "Topic :: Internet"),
        ("info.downloads", "last_week"),
        ("info.downloads.last_day", "-1"),
        ("info.name", "Demo"),
        ("info.package_url", "https://[^/]*/project/demo/"),
        ("info.project_urls", "Home, https://example.org/demo"),
        ("info.project_urls.Home", "https://example.org/demo"),
        ("info.release_url", "https://[^/]*/project/demo/2.0/"),
        ("info.version", "2.0"),
        ("info.yanked", "true"),
        ("info.yanked_reason", "broken"),
        ("last_serial", "77"),
        ("releases", "2.0"),
        ("releases", "0.1"),
        ("urls", "demo-2.0-py2.*"),
        ("vulnerabilities", "CVE-2026-1"),
    ],
)
def test_what_is_said_of_a_project(path: str, wanted: str) -> None:
    """Each field of a project is there: of an object its keys, of a list each element."""
    flaw = Advisory(id="PYSEC-1", aliases=("CVE-2026-1",), spans=(Span("1.5", "2.5"),))
    known = Known({"info": {WHEEL.filename: FACTS}}, advisories=(flaw,))
    offered = replace(offer(WHEEL), known=known, listed=("0.1", "2.0"), serial=77)
    rule = clause("pypi_json", path=path, any=[f"^{wanted}$"])

    assert list(rule.judge(offered, NOW)) == []


def test_its_info_is_that_of_the_current_release() -> None:
    """Neither an old release nor a pre-release tells, and what one tells is said of all files."""
    known = Known({"info": {NEWER.filename: {"name": ("no",)}, OLD.filename: FACTS}})

    assert objected("info.classifiers", OLD, NEWER, known=known, any=["Typed"]) == set()
    assert objected("info.classifiers", OLD, NEWER, known=known, none=["Typed"]) == {"1.0", "3.0a1"}


def test_what_must_be_looked_up() -> None:
    """A path has looked up what it leads to, and that alone."""

    def needs(path: str) -> frozenset[str]:
        return clause("pypi_json", path=path, any=["."]).needs

    assert needs("info.classifiers") == {"info"}
    assert needs("info.description") == {"info", "description"}
    assert needs("vulnerabilities") == {"advisories"}
    assert needs("info.version") == needs("releases") == needs("last_serial") == frozenset()


def test_where_nothing_stands() -> None:
    """Null and empty lists are nothing, which `missing` decides about; an empty text is a text."""
    assert objected("info.author", OLD, none=["x"]) == {"1.0"}
    assert objected("info.author", OLD, none=["x"], missing="allow") == set()
    assert objected("release_file.comment_text", OLD, any=["^$"]) == set()
    assert objected("release_file.comment_text", OLD, admits=["1.0"], missing="allow") == set()


@pytest.mark.parametrize("path", ["info.author", "vulnerabilities", "last_serial"])
def test_what_is_not_known_yet(path: str) -> None:
    """What may be told later counts against all files, whatever becomes of what is missing."""
    known = Known({"info": {OLD.filename: Lack("it is not known yet", NOW)}})

    assert objected(path, OLD, known=known, any=["."], missing="allow") == {"1.0"}


def test_a_release_without_metadata() -> None:
    """Of what never will be told the page tells some; the rest is null."""
    known = Known({"info": {WHEEL.filename: Lack("it offers no metadata")}})

    assert objected("info.name", WHEEL, known=known, any=["^demo$"]) == set()
    assert objected("info.requires_python", WHEEL, known=known, any=["^>=3"]) == set()
    assert objected("info.author", WHEEL, known=known, any=["."], missing="allow") == set()


def test_ranges() -> None:
    """A range is to admit one of the versions; a version or number is to be one of them."""
    range_ = "release_file.requires_python"
    assert objected(range_, WHEEL, admits=["3.8", "3.10"]) == set()
    assert objected(range_, WHEEL, admits=["3.8"]) == {"2.0"}
    assert objected("release", WHEEL, OLD, admits=["2"]) == {"1.0"}
    assert objected("release_file.size", WHEEL, admits=["1000"]) == set()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"path": "info.classifier", "any": ["x"]}, "did you mean info.classifiers"),
        ({"path": "release_files.size", "any": ["x"]}, "did you mean release_file"),
        ({"path": "info.author.first", "any": ["x"]}, "nothing there"),
        ({"path": "", "any": ["x"]}, "nothing there"),
        ({"path": "info.author"}, "asks nothing"),
        ({"path": "info.author", "all": ["("]}, "is no regular expression"),
        ({"path": "release", "admits": ["three"]}, "'three' is no version"),
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any], words: str) -> None:
    """A path that leads nowhere, and patterns that are none, are errors of the configuration."""
    with pytest.raises(BadSetting, match=words):
        clause("pypi_json", **settings)
