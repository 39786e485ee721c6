import itertools
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.version import Version

from cloche.core import metadata
from cloche.core.errors import BadUpload
from cloche.core.filenames import Named, parse
from cloche.core.metadata import Metadata, claims
from cloche.core.model import project_name

HEAD = b"Metadata-Version: 2.4\nName: Acme.Tool\nVersion: 1.0\n"
WHEEL = parse("acme_tool-1.0-py3-none-any.whl")
SDIST = parse("acme_tool-1.0.tar.gz")


AGREE = "make them agree"
CASES = list(itertools.product(b"Aa", repeat=7))  # 128 spellings of one field's name


def problems(raw: bytes) -> list[str]:
    with pytest.raises(BadUpload) as caught:
        metadata.read(raw)
    return caught.value.problems


def described(extra: bytes = b"") -> Metadata:
    return metadata.read(HEAD + extra)


def test_reads_every_field() -> None:
    """What a page and the upload check need comes out as it is written."""
    raw = (
        HEAD
        + (
            "Summary: Työkalut\n"
            "Requires-Python: >=3.8, <4\n"
            "Requires-Dist: b[x]>=1 ; extra == 'y'\n"
            "Requires-Dist: c\n"
            "Provides-Extra: y\n"
            "Author: Ada\nAuthor-Email: ada@example.org\n"
            "Maintainer: Max\nMaintainer-Email: max@example.org\n"
            "License-Expression: MIT\nLicense-File: LICENSE\n"
            "Home-Page: https://example.org/\nDownload-URL: https://example.org/d\n"
            "Project-URL: Docs, https://example.org/docs, too\n"
            "Classifier: A :: B\nClassifier: C :: D\n"
            "Keywords: one, two\nPlatform: any\nDynamic: version\n"
            "Description-Content-Type: text/markdown\n"
            "\n"
            "# Acme\n\nHeader-like: line\n"
        ).encode()
    )

    assert metadata.read(raw) == Metadata(
        metadata_version="2.4",
        name="Acme.Tool",
        version="1.0",
        summary="Työkalut",
        requires_python=">=3.8, <4",
        requires_dist=("b[x]>=1 ; extra == 'y'", "c"),
        provides_extra=("y",),
        author="Ada",
        author_email="ada@example.org",
        maintainer="Max",
        maintainer_email="max@example.org",
        license_expression="MIT",
        license_files=("LICENSE",),
        home_page="https://example.org/",
        download_url="https://example.org/d",
        project_urls={"Docs": "https://example.org/docs, too"},
        classifiers=("A :: B", "C :: D"),
        keywords=("one", "two"),
        platforms=("any",),
        dynamic=("version",),
        description_content_type="text/markdown",
        description="# Acme\n\nHeader-like: line\n",
    )


def test_reads_what_setuptools_wrote() -> None:
    """License-File below Metadata-Version 2.4, UNKNOWN, and unknown fields are common."""
    raw = (
        b"Metadata-Version: 2.1\nName: acme\nVersion: 1.0\nSummary: UNKNOWN\n"
        b"Home-page: UNKNOWN\nLicense: UNKNOWN\nLicense-File: LICENSE.txt\n"
        b"Platform: UNKNOWN\nX-Own: field\n\nUNKNOWN\n\n"
    )

    found = metadata.read(raw)
    assert found.license_files == ("LICENSE.txt",)
    assert (found.summary, found.home_page, found.license) == ("", "", "")
    assert (found.platforms, found.description) == ((), "")


@pytest.mark.parametrize("margin", ["        ", "       |"])
def test_unfolds_a_description_in_a_field(margin: str) -> None:
    """Before Metadata 2.1 a description lay in a field, its lines set off by a margin."""
    lines = ("Acme", "====", "", "    code", "text")
    field = f"\n{margin}".join(lines)
    raw = f"Metadata-Version: 1.1\nName: a\nVersion: 1\nDescription: {field}\nPlatform: x\n"

    found = metadata.read(raw.encode())
    assert found.description == "\n".join(lines)
    assert found.platforms == ("x",)


def test_leaves_a_body_alone() -> None:
    """Indented lines in the body of the file are code, and keep their margin."""
    assert described(b"\na\n        b\nc").description == "a\n        b\nc"


def test_reads_what_is_not_utf8() -> None:
    """An old PKG-INFO in Latin-1 is read, with its strange letters marked."""
    found = described("Author: Zoë\n".encode("latin-1"))

    assert found.author == "Zo\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_reads_any_line_ends(line_end: bytes) -> None:
    """A file made on Windows says the same."""
    raw = (HEAD + b"Classifier: A :: B\n").replace(b"\n", line_end)

    assert metadata.read(raw) == described(b"Classifier: A :: B\n")


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "2.0", "2.1", "2.4", "2.9", "2.10"])
def test_reads_every_metadata_version(version: str) -> None:
    """Any 1.x and 2.x can be read; a tool warns of a newer 2.x, and refuses 3 (PyPA)."""
    raw = f"Metadata-Version: {version}\nName: a\nVersion: 1\n"

    assert metadata.read(raw.encode()).metadata_version == version


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", ["no field metadata-version", "no field name", "no field version"]),
        (b"\x00\xff", ["no field metadata-version", "no field name", "no field version"]),
        (b"\n" + HEAD, ["no field metadata-version", "no field name", "no field version"]),
        (HEAD + b"Name: other\n", ["field name 2 times"]),
        (HEAD + b"Version: 2\nversion: 3\n", ["field version 3 times"]),
        (HEAD + b"Requires-Python: >3\nRequires-Python: <3\n", ["requires-python 2 times"]),
        (HEAD.replace(b"2.4", b"3.0"), ["version '3.0'"]),
        (HEAD.replace(b"2.4", b"2"), ["version '2'"]),
        (HEAD.replace(b"2.4", "²".encode()), ["version '²'"]),
        (HEAD.replace(b"Acme.Tool", b"Acme Tool"), ["name 'Acme Tool' is not"]),
        (HEAD.replace(b"Acme.Tool", b"a" * 201), ["is not a project name"]),
        (HEAD.replace(b"1.0", b"one"), ["version 'one' is not"]),
        (HEAD.replace(b"1.0", b"1" * 5000), ["is not one (PEP 440)"]),
        (HEAD + b"Requires-Python: three\n", ["Requires-Python 'three' cannot"]),
        (HEAD + b"Requires-Python: >=3.*\n", ["Requires-Python '>=3.*' cannot"]),
        (HEAD + b"Requires-Python: " + b">1," * 1000 + b"\n", ["cannot be read (PEP 440)"]),
        (HEAD + b"Content-Type: multipart/mixed; boundary=x\n", ["Content-Type field"]),
        (HEAD + b"".join(b"F%d: x\n" % n for n in range(200)), ["too many fields"]),
        (HEAD + b"".join(b"%s: x\n" % bytes(n) for n in CASES), ["too many fields"]),
        (HEAD + b"Classifier: x\n" * 200_001, ["too many fields"]),
        (
            b"Metadata-Version: x\nName: -\nVersion: y\nRequires-Python: z\n",
            ["version 'x'", "name '-'", "version 'y'", "Requires-Python 'z'"],
        ),
    ],
)
def test_refuses(raw: bytes, told: list[str]) -> None:
    """What others rely on must be there once and make sense; all problems are told."""
    found = problems(raw)

    assert len(found) == len(told)
    for part, problem in zip(told, found, strict=True):
        assert part in problem
        assert len(problem) < 300


def test_leaves_out_what_makes_no_sense() -> None:
    """A summary that is there twice is no reason to refuse."""
    found = described(b"Summary: a\nSummary: b\nProject-URL: a, 1\nProject-URL: a, 2\n")

    assert (found.summary, found.project_urls) == ("", {})


@pytest.mark.parametrize(
    "raw",
    [
        HEAD + b"Classifier: x\n" * 100_000,
        HEAD + b"Description: " + b"x\n        " * 150_000,
        HEAD + b"A:\n" * 100_000 + b"B:\n" * 50_000,
        HEAD + b"\n" + b"a:" * 5_000_000,
        HEAD + b"Summary: " + b"a" * 10_000_000,
    ],
    ids=["many", "folded", "few kinds", "body", "long"],
)
def test_takes_bounded_time(raw: bytes) -> None:
    """Ten megabytes of anything are read within seconds."""
    started = time.thread_time()

    metadata.read(raw)

    assert time.thread_time() - started < 5


LINES = st.one_of(
    st.sampled_from(
        ["", " ", "Name: a", "Version: 1", "Metadata-Version: 2.1", "From x", ":", "\r", "\x85"]
    ),
    st.from_regex(r"[A-Za-z-]{1,12}: .{0,20}", fullmatch=True),
    st.text(max_size=20),
)


@given(st.lists(LINES, max_size=12).map("\n".join).map(lambda text: text.encode(errors="replace")))
def test_anything_is_read_or_refused(raw: bytes) -> None:
    """Whatever the text, the answer is sound metadata or BadUpload."""
    try:
        found = metadata.read(HEAD + raw if raw.startswith(b" ") else raw)
    except BadUpload:
        return
    named = Named(project_name(found.name), Version(found.version), "sdist", "source")
    assert claims(found, named, {}) == []


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    """Whatever follows a sound head, name and version stay or there is a BadUpload."""
    try:
        found = metadata.read(HEAD + raw)
    except BadUpload:
        return
    assert (found.name, found.version) == ("Acme.Tool", "1.0")


AGREEING = {
    "name": ["acme-tool"],
    "version": ["1.0.0"],
    "filetype": ["bdist_wheel"],
    "pyversion": ["py3"],
    "metadata_version": ["2.4"],
    "requires_python": ["<4,>=3.8"],
    "requires_dist": ["c", 'B[x] (>=1); extra=="y"', "c"],
    "summary": ["any"],
}
INSIDE = described(
    b"Requires-Python: >=3.8, <4\nRequires-Dist: b[x]>=1 ; extra == 'y'\nRequires-Dist: c\n"
)


@pytest.mark.parametrize("absent", [None, *AGREEING])
def test_agreeing_forms_have_no_problem(absent: str | None) -> None:
    """Other spellings agree, and what is absent contradicts nothing."""
    form = {field: values for field, values in AGREEING.items() if field != absent}

    assert claims(INSIDE, WHEEL, form) == []


@pytest.mark.parametrize("nothing", ["", "UNKNOWN"])
def test_empty_fields_are_absent(nothing: str) -> None:
    """Old distutils sends empty fields, and UNKNOWN for what it does not know."""
    assert claims(INSIDE, WHEEL, {field: [nothing] for field in AGREEING}) == []


def test_flit_omits_pyversion() -> None:
    """An sdist's form without pyversion, as flit sends it, agrees."""
    assert claims(INSIDE, SDIST, {"name": ["Acme_Tool"], "filetype": ["sdist"]}) == []


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("name", "other", "the form says name 'other', the filename says 'acme-tool'"),
        ("name", "not a name", "the form says name 'not a name'"),
        ("version", "1.1", "the form says version '1.1', the filename says '1.0'"),
        ("version", "one", "the form says version 'one'"),
        ("filetype", "sdist", "the form says filetype 'sdist', the filename says 'bdist_wheel'"),
        ("pyversion", "source", "'source' is for sdists"),
        ("requires_python", ">=3.9", "requires_python '>=3.9', the metadata says '>=3.8, <4'"),
        ("requires_python", "three", "requires_python 'three'"),
    ],
)
def test_contradictions(field: str, value: str, told: str) -> None:
    """A form that says otherwise than filename or metadata is told what and where."""
    [problem] = claims(INSIDE, WHEEL, {**AGREEING, field: [value]})

    assert told in problem


@pytest.mark.parametrize("said", ["free for all", "(" * 900 + "MIT", "MIT OR", "MIT" * 1000])
def test_licences_that_are_none(said: str) -> None:
    """An upload whose License-Expression is no SPDX expression is refused (PEP 639)."""
    [problem] = claims(described(f"License-Expression: {said}\n".encode()), WHEEL, {})

    assert "is no SPDX expression (PEP 639)" in problem


def test_sound_licences_are_no_problem() -> None:
    """SPDX expressions pass, also in another case and with references (PEP 639)."""
    for said in (b"mit", b"Apache-2.0 OR (BSD-3-Clause AND LicenseRef-Ours)"):
        assert claims(described(b"License-Expression: " + said + b"\n"), WHEEL, {}) == []


def test_the_forms_metadata_version_is_no_claim() -> None:
    """A form of another metadata version than the archive's, as flit sends it, agrees."""
    assert claims(INSIDE, WHEEL, {**AGREEING, "metadata_version": ["2.1"]}) == []


def test_every_value_must_agree() -> None:
    """A field that is sent twice cannot hide a lie behind a truth."""
    assert len(claims(INSIDE, WHEEL, {"name": ["acme-tool", "other"]})) == 1


def test_sdists_are_source() -> None:
    """An sdist's pyversion is `source` and nothing else."""
    assert claims(INSIDE, SDIST, {"pyversion": ["source"]}) == []
    assert "'source' is for sdists" in claims(INSIDE, SDIST, {"pyversion": ["py3"]})[0]


def test_metadata_must_agree_with_the_filename() -> None:
    """Metadata of another project or version is a contradiction, whatever the form says."""
    other = metadata.read(b"Metadata-Version: 2.1\nName: other\nVersion: 2\n")

    assert claims(other, WHEEL, {}) == [
        "the metadata says name 'other', the filename says 'acme-tool'; make them agree",
        "the metadata says version '2', the filename says '1.0'; make them agree",
    ]


def test_without_metadata_the_filename_speaks() -> None:
    """An old kind without metadata is compared with its filename alone."""
    old = parse("acme-tool-1.0.win32.exe")

    assert claims(None, old, {"name": ["acme.tool"], "requires_dist": ["anything"]}) == []
    assert len(claims(None, old, {"name": ["other"], "version": ["2"]})) == 2


def test_requirements_are_compared_as_sets() -> None:
    """A requirement that only one side has is told, with the side that has it."""
    found = claims(INSIDE, WHEEL, {"requires_dist": ["c", "d>1", "not a requirement"]})

    assert found == [
        "the form has requires_dist 'd>1', the metadata has not; make them agree",
        "the form has requires_dist 'not a requirement', the metadata has not; make them agree",
        f"the metadata has Requires-Dist {INSIDE.requires_dist[0]!r}, the form has not; {AGREE}",
    ]


def test_unreadable_requirements_equal_themselves() -> None:
    """What no parser reads may still be said twice."""
    nested = "a; " + "(" * 400 + "os_name == 'x'" + ")" * 400
    inside = described(f"Requires-Dist: b (>=1.*)\nRequires-Dist: {nested}\n".encode())

    assert claims(inside, WHEEL, {"requires_dist": ["b (>=1.*) ", nested]}) == []
    assert claims(inside, WHEEL, {"requires_dist": ["b (>=1.*)", nested, "b (>=1.*),"]})


NAMES = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,8}[a-z0-9])?", fullmatch=True)
REQUIREMENTS = st.builds(
    "{}{}{}{}".format,
    NAMES,
    st.sampled_from(["", "[x]", "[x,y]"]),
    st.sampled_from(["", ">=1", "==1.*,!=1.2", "~=2.0"]),
    st.sampled_from(["", " ; python_version < '3'", " ; extra == 'x' and os_name == 'nt'"]),
)


@given(st.lists(REQUIREMENTS, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_spelling_and_order_of_requirements_mean_nothing(
    required: list[str], chance: random.Random
) -> None:
    """The same requirements in another order, upper case or packaging's own spelling agree."""
    inside = described("".join(f"Requires-Dist: {each}\n" for each in required).encode())
    spelt = [
        chance.choice([each, str(Requirement(each)), each.replace(">=", " >= ")])
        for each in required
    ]
    chance.shuffle(spelt)

    assert claims(inside, WHEEL, {"requires_dist": spelt}) == []
    assert claims(inside, WHEEL, {"requires_dist": [*spelt, "absent-one"]}) != []


@given(st.dictionaries(st.sampled_from(sorted(AGREEING)), st.lists(st.text(max_size=30))))
def test_any_form_gets_an_answer(form: dict[str, list[str]]) -> None:
    """Whatever a form says, the answer is a list of sentences."""
    assert all(isinstance(problem, str) for problem in claims(INSIDE, WHEEL, form))
