import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from cloche.core.errors import BadName
from cloche.core.filenames import Named, parse, respelt, version_of

WHEEL, SDIST, EGG = "bdist_wheel", "sdist", "bdist_egg"
WININST, MSI, RPM, DUMB = "bdist_wininst", "bdist_msi", "bdist_rpm", "bdist_dumb"


@pytest.mark.parametrize(
    ("filename", "project", "version", "filetype", "pyversion"),
    [
        ("acme-1.0-py3-none-any.whl", "acme", "1.0", WHEEL, "py3"),
        ("acme-1.0-py2.py3-none-any.whl", "acme", "1.0", WHEEL, "py2.py3"),
        ("acme-1.0-py3.py2-none-any.whl", "acme", "1.0", WHEEL, "py2.py3"),
        ("acme-1.0-1-py3-none-any.whl", "acme", "1.0", WHEEL, "py3"),
        ("acme-1.0-20260101abc-py3-none-any.whl", "acme", "1.0", WHEEL, "py3"),
        ("acme-1.0+local.1-py3-none-any.whl", "acme", "1.0+local.1", WHEEL, "py3"),
        ("acme-1!2.0-py3-none-any.whl", "acme", "1!2.0", WHEEL, "py3"),
        ("Acme_Tool-1.0RC1-py3-none-any.whl", "acme-tool", "1.0rc1", WHEEL, "py3"),
        ("Acme.Tool-1.0-py3-none-any.whl", "acme-tool", "1.0", WHEEL, "py3"),
        (
            "acme-1.0-cp310.cp311-abi3.none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            "acme",
            "1.0",
            WHEEL,
            "cp310.cp311",
        ),
        ("acme-1.0.tar.gz", "acme", "1.0", SDIST, "source"),
        ("zope.interface-3.8.0.tar.gz", "zope-interface", "3.8.0", SDIST, "source"),
        ("Foo-Bar-1.0.zip", "foo-bar", "1.0", SDIST, "source"),
        ("acme-1.0.post1.dev2+x.y.tar.gz", "acme", "1.0.post1.dev2+x.y", SDIST, "source"),
        ("acme-2-tools-1.0.tar.gz", "acme-2-tools", "1.0", SDIST, "source"),
        ("acme-1.0-beta1.tar.gz", "acme", "1.0b1", SDIST, "source"),
        ("acme-1-dev.tar.gz", "acme", "1.dev0", SDIST, "source"),
        ("acme-1-2.tar.gz", "acme-1", "2", SDIST, "source"),
        ("acme-1.0.tar.bz2", "acme", "1.0", SDIST, "source"),
        ("acme-1.0.tar.xz", "acme", "1.0", SDIST, "source"),
        ("acme-1.0.tar.Z", "acme", "1.0", SDIST, "source"),
        ("acme-1.0.tgz", "acme", "1.0", SDIST, "source"),
        ("acme-1.0.tar", "acme", "1.0", SDIST, "source"),
        ("acme-1.0+new.linux.tar.gz", "acme", "1.0+new.linux", SDIST, "source"),
        ("acme-1.0-py2.7.egg", "acme", "1.0", EGG, "2.7"),
        ("acme-1.0-py3.egg", "acme", "1.0", EGG, "3"),
        ("Acme.Tool-1.0_1-py2.7.egg", "acme-tool", "1.0.post1", EGG, "2.7"),
        ("acme_tool-1.0-py2.7-linux-x86_64.egg", "acme-tool", "1.0", EGG, "2.7"),
        ("acme-1.0-py3.11-macosx-10.9-universal2.egg", "acme", "1.0", EGG, "3.11"),
        ("acme-1.0.win32-py2.7.exe", "acme", "1.0", WININST, "2.7"),
        ("acme-1.0.win32.exe", "acme", "1.0", WININST, "any"),
        ("acme-tool-1.0.win-amd64-py3.4.exe", "acme-tool", "1.0", WININST, "3.4"),
        ("Acme.Tool-1.0.linux-x86_64.exe", "acme-tool", "1.0", WININST, "any"),
        ("acme-1.0-beta1.win32.exe", "acme", "1.0b1", WININST, "any"),
        ("acme-1.0.win-amd64.msi", "acme", "1.0", MSI, "any"),
        ("acme-1.0.win32-py3.8.msi", "acme", "1.0", MSI, "3.8"),
        ("acme-1.0-1.noarch.rpm", "acme", "1.0", RPM, "any"),
        ("acme-1.0-1.src.rpm", "acme", "1.0", RPM, "any"),
        ("acme-tool-1.0_1-2.x86_64.rpm", "acme-tool", "1.0.post1", RPM, "any"),
        ("acme-1.0.linux-x86_64.tar.gz", "acme", "1.0", DUMB, "any"),
        ("acme-1.0.linux-i686.tar.bz2", "acme", "1.0", DUMB, "any"),
        ("acme-tool-1.0.macosx-10.9-x86_64.tar.gz", "acme-tool", "1.0", DUMB, "any"),
        ("acme-1.0.win32.zip", "acme", "1.0", DUMB, "any"),
        ("acme-1.0.win-amd64.zip", "acme", "1.0", DUMB, "any"),
        ("acme-1.0.cygwin-3.1-x86_64.tar.gz", "acme", "1.0", DUMB, "any"),
        ("acme-1.0.freebsd-13.1-RELEASE-amd64.tar.gz", "acme", "1.0", DUMB, "any"),
    ],
)
def test_reads(filename: str, project: str, version: str, filetype: str, pyversion: str) -> None:
    """Every kind that was ever uploaded tells project, version, kind and Python."""
    named = parse(filename)

    assert named.project == project
    assert named.version == Version(version)
    assert (named.filetype, named.pyversion) == (filetype, pyversion)
    assert version_of(filename) == version


@pytest.mark.parametrize(
    "filename",
    [
        "",
        ".",
        "..",
        "acme",
        "acme-1.0",
        "acme.whl",
        "acme.tar.gz",
        "acme-.tar.gz",
        "-1.0.tar.gz",
        "--1.0.tar.gz",
        "_-1.0.tar.gz",
        "acme_-1.0.tar.gz",
        "acme-one.tar.gz",
        "acme tool-1.0.tar.gz",
        "äcme-1.0.tar.gz",
        "../x-1.0.tar.gz",
        "x/../y-1.0.tar.gz",
        "/x-1.0.tar.gz",
        "..\\x-1.0.tar.gz",
        ".acme-1.0.tar.gz",
        "acme-1.0.tar.gz\n",
        "acme\0-1.0.tar.gz",
        "acme-1.0\u202e.tar.gz",
        "acme-1.0\udcff.tar.gz",
        "acme-1.0.tar.gz/",
        "acme-1.0.tar.gz.metadata",
        "acme-1.0.tar.gz.asc",
        "acme-1.0.TAR.GZ",
        "acme-1.0.7z",
        "acme-1.0.deb",
        "acme-1.0-py3-none-any.WHL",
        "acme-1.0-py3-none.whl",
        "acme-1.0-x-py3-none-any.whl",
        "acme-one-py3-none-any.whl",
        "ac__me-1.0-py3-none-any.whl",
        "äcme-1.0-py3-none-any.whl",
        "_-1.0-py3-none-any.whl",
        "acme-1.0-py3-none-.whl",
        "acme-1.0.egg",
        "acme-1.0-2.7.egg",
        "acme-1.0.exe",
        "acme-1.0.win33.exe",
        "acme.win32.exe",
        "acme-1.0.rpm",
        "acme-1.0.noarch.rpm",
        f"{'a' * 201}-1.0.tar.gz",
        f"acme-{'1' * 300}.tar.gz",
    ],
)
def test_refuses(filename: str) -> None:
    """What is no distribution's filename, or would leave its folder, is BadName."""
    with pytest.raises(BadName, match="filename"):
        parse(filename)
    assert version_of(filename) is None


def test_tags_do_not_multiply() -> None:
    """A name whose tags combine to 64,000 is refused at once."""
    letters = ".".join("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN")
    started = time.thread_time()

    with pytest.raises(BadName, match="combinations"):
        parse(f"a-1-{letters}-{letters}-{letters}.whl")
    assert time.thread_time() - started < 0.1


NAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", fullmatch=True)
VERSIONS = st.builds(
    "{}{}{}{}{}{}".format,
    st.sampled_from(["", "1!"]),
    st.lists(st.integers(0, 999), min_size=1, max_size=4).map(lambda n: ".".join(map(str, n))),
    st.sampled_from(["", "a1", "b2", "rc10"]),
    st.sampled_from(["", ".post1"]),
    st.sampled_from(["", ".dev3"]),
    st.sampled_from(["", "+local", "+ubuntu.1"]),
)
TAGS = st.sampled_from(["py3", "py2.py3", "cp311", "cp39.cp310.pp39"])
BUILDS = st.sampled_from(["", "-0", "-1", "-2abc"])
PLATFORMS = st.sampled_from(["none-any", "abi3-manylinux_2_17_x86_64", "cp311-win32.win_amd64"])


def said(named: Named) -> tuple[str, Version]:
    return named.project, named.version


def escaped(name: str) -> str:
    return canonicalize_name(name).replace("-", "_")


@given(name=NAMES, version=VERSIONS, tags=TAGS, build=BUILDS, platform=PLATFORMS)
def test_every_wheel_reads_back(
    name: str, version: str, tags: str, build: str, platform: str
) -> None:
    """A wheel's filename by the rules of PEP 427 gives back what it was made of."""
    filename = f"{escaped(name)}-{version}{build}-{tags}-{platform}.whl"
    named = parse(filename)

    assert said(named) == (canonicalize_name(name), Version(version))
    assert said(named) == parse_wheel_filename(filename)[:2]
    assert named.filetype == WHEEL
    assert {*named.pyversion.split(".")} == {*tags.split(".")}


@given(name=NAMES, version=VERSIONS, end=st.sampled_from([".tar.gz", ".zip"]))
@example("acme-1", "2", ".tar.gz")
def test_every_sdist_reads_back(name: str, version: str, end: str) -> None:
    """An sdist's filename gives back what it was made of, escaped (PEP 625) or not."""
    for spelt in (escaped(name), name):
        named = parse(f"{spelt}-{version}{end}")

        assert said(named) == (canonicalize_name(name), Version(version))
        assert (named.filetype, named.pyversion) == (SDIST, "source")


ENDS = st.sampled_from([".whl", ".tar.gz", ".zip", ".egg", ".exe", ".msi", ".rpm", ".tgz", ""])
PIECES = st.sampled_from(["a", "1", "1.0", "-", "_", ".", "py3", "none", "any", "win32", "é", "+"])


@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=12).map("".join)), ENDS)
def test_any_text_is_read_or_refused(text: str, end: str) -> None:
    """Whatever the text, the answer is a project and a version, or BadName."""
    try:
        named = parse(text + end)
    except BadName:
        return
    assert str(named.project) == canonicalize_name(named.project, validate=True)
    assert Version(str(named.version)) == named.version


@given(st.lists(PIECES, max_size=12).map("".join), st.sampled_from([".tar.gz", ".zip"]))
def test_agrees_with_packaging_on_sdists(text: str, end: str) -> None:
    """Where packaging reads an sdist's filename and its name is one, both say the same."""
    try:
        expected = parse_sdist_filename(text + end)
        canonicalize_name(text.rpartition("-")[0], validate=True)
        named = parse(text + end)
    except (InvalidSdistFilename, ValueError, BadName):
        return
    assert named.filetype == DUMB or said(named) == expected


@given(st.lists(PIECES, max_size=12).map("".join))
def test_agrees_with_packaging_on_wheels(text: str) -> None:
    """A wheel that packaging refuses is refused here."""
    try:
        named = parse(f"{text}.whl")
    except BadName:
        return
    try:
        expected = parse_wheel_filename(f"{text}.whl")
    except InvalidWheelFilename:
        pytest.fail("packaging refuses it")
    assert said(named) == expected[:2]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Acme-1.0.tar.gz", "acme-1.0.tar.gz", True),
        ("my-acme-1.0.tar.gz", "My_Acme-1.0.tar.gz", True),
        ("Acme.Tool-1.0-py3-none-any.whl", "acme_tool-1.0-py3-none-any.whl", True),
        ("acme-1.0-py3-none-any.whl", "acme-1.0-1-py3-none-any.whl", False),
        ("acme-1.0-cp311-abi3-any.whl", "acme-1.0-cp311-none-any.whl", False),
        ("acme-1.0.tar.gz", "acme-1.0.zip", False),
    ],
)
def test_spellings(one: str, other: str, *, same: bool) -> None:
    """Names of one version's files that differ in case or separators alone are one file's."""
    assert respelt(one, ["acme-1.0.egg", other]) == (other if same else None)
    assert respelt(other, [one]) == (one if same else None)
