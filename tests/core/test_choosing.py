import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloche.core.choosing import Rules, choose
from cloche.core.model import File, Page, ProjectName
from cloche.core.requirements_file import read
from cloche.core.targets import targets
from cloche.core.wants import Named, Want

SALT = ProjectName("salt")
LINUX = ("manylinux_2_17_x86_64", "manylinux2014_x86_64")
HERE = Rules(targets=targets(LINUX))
WINDOWS = Rules(targets=targets(LINUX, platforms=["win_amd64"], pythons=["3.12"]))
SDIST, PURE = "salt-1.0.tar.gz", "salt-1.0-py3-none-any.whl"
TWO = "salt-2.0-cp312-cp312-manylinux_2_17_x86_64.whl"
TWO_WINDOWS, TWO_SDIST = "salt-2.0-cp312-cp312-win_amd64.whl", "salt-2.0.tar.gz"
ALL = (SDIST, PURE, TWO, TWO_WINDOWS, TWO_SDIST)


def sha(filename: str) -> str:
    return filename.encode().hex().ljust(64, "0")[:64]


def file(filename: str, **more: Any) -> File:
    return File(filename=filename, hashes={"sha256": sha(filename[::-1])}, **more)


def page(*files: str | File) -> Page:
    made = tuple(file(f) if isinstance(f, str) else f for f in files)
    return Page(name=SALT, files=made)


def want(line: str) -> Want:
    (found,) = read(line).wants
    return found


def locked(*files: str, hashes: bool = True) -> Want:
    return Want(
        project=SALT,
        says="salt",
        files=tuple(
            Named(filename=f, hashes=(("sha256", sha(f[::-1])),) if hashes else ()) for f in files
        ),
    )


def chosen(page: Page, want: Want, rules: Rules = HERE) -> list[str]:
    choice = choose(page, want, rules)
    assert choice.lacking == ()
    return [file.filename for file in choice.files]


def why(page: Page, want: Want, rules: Rules = HERE) -> list[str]:
    choice = choose(page, want, rules)
    assert choice.files == ()
    return [each.why for each in choice.lacking]


def test_a_pin() -> None:
    """Of a pinned version come the sdist, and the wheels that run on the targets."""
    assert chosen(page(*ALL), want("salt==1.0")) == [SDIST, PURE]
    assert chosen(page(*ALL), want("salt==2.0")) == [TWO, TWO_SDIST]
    assert chosen(page(*ALL), want("salt==2"), WINDOWS) == [TWO_WINDOWS, TWO_SDIST]


def test_no_pin() -> None:
    """Without a pin it is the newest version that satisfies and has something for the targets."""
    assert chosen(page(*ALL), want("salt")) == [TWO, TWO_SDIST]
    assert chosen(page(*ALL), want("salt<2")) == [SDIST, PURE]
    assert chosen(page(PURE, TWO), want("salt"), WINDOWS) == [PURE]


def test_prereleases() -> None:
    """A prerelease is taken if it is asked for, or there is nothing else (PEP 440)."""
    early = "salt-3.0rc1-py3-none-any.whl"

    assert chosen(page(PURE, early), want("salt")) == [PURE]
    assert chosen(page(early), want("salt")) == [early]
    assert chosen(page(PURE, early), want("salt>=3.0rc0")) == [early]
    eager = Rules(targets=HERE.targets, prereleases=True)
    assert chosen(page(PURE, early), want("salt"), eager) == [early]


def test_yanked() -> None:
    """A yanked file is for those who pin its version, and nobody else (PEP 592)."""
    yanked = page(PURE, file(TWO, yanked="broken"))

    assert chosen(yanked, want("salt")) == [PURE]
    assert chosen(yanked, want("salt==2.0")) == [TWO]
    assert why(yanked, want("salt==2.*"))


def test_requires_python() -> None:
    """A version that none of the Pythons can run is not the newest for them."""
    late = page(PURE, file(TWO_WINDOWS, requires_python=">=3.13"))

    assert chosen(late, want("salt"), WINDOWS) == [PURE]


def test_everything() -> None:
    """With `everything` the targets bound nothing, and old kinds of files come too."""
    rules = Rules(targets=WINDOWS.targets, everything=True)
    egg = "salt-2.0-py2.7.egg"

    assert chosen(page(*ALL, egg), want("salt"), rules) == [TWO, TWO_WINDOWS, TWO_SDIST, egg]
    assert chosen(page(*ALL), locked(*ALL), rules) == list(ALL)


def test_without_sdists() -> None:
    """Without sdists one comes all the same where there is no wheel that will do."""
    rules = Rules(targets=WINDOWS.targets, sdists=False)

    assert chosen(page(*ALL), want("salt"), rules) == [TWO_WINDOWS]
    assert chosen(page(TWO, TWO_SDIST), want("salt"), rules) == [TWO_SDIST]


def test_named_files() -> None:
    """A lock's files are all taken, whatever they run on, as long as nobody chose targets."""
    assert chosen(page(*ALL), locked(*ALL)) == list(ALL)
    assert chosen(page(*ALL), locked(TWO, hashes=False)) == [TWO]
    assert chosen(page(*ALL), locked(*ALL), WINDOWS) == [SDIST, PURE, TWO_WINDOWS, TWO_SDIST]
    assert chosen(page(TWO), locked(TWO), WINDOWS) == []


def test_hashes_name_files() -> None:
    """A requirement's hashes name files, whatever they are called."""
    hashes = " ".join(f"--hash=sha256:{sha(f[::-1])}" for f in (TWO, TWO_WINDOWS))

    assert chosen(page(*ALL), want(f"salt==2.0 {hashes}")) == [TWO, TWO_WINDOWS]
    assert chosen(page(*ALL), want(f"salt==2.0 {hashes}"), WINDOWS) == [TWO_WINDOWS]


def test_what_is_lacking() -> None:
    """What the page does not have is told, file by file, with the reason."""
    partly = choose(page(PURE), locked(PURE, SDIST), HERE)

    assert [file.filename for file in partly.files] == [PURE]
    assert [(str(each.file), each.why) for each in partly.lacking] == [
        (SDIST, "the index does not list it")
    ]
    assert why(page(PURE), want("salt>1")) == [
        "the index has no version of salt that satisfies >1 for these"
    ]
    assert why(page(), want("salt")) == ["the index has no files of salt"]
    assert why(page(PURE), want(f"salt --hash=sha256:{'0' * 64}")) == [
        "the index lists no file with this hash"
    ]


def test_other_bytes() -> None:
    """A file of the right name with other bytes is not the one that was named."""
    other = page(File(filename=PURE, hashes={"sha256": "0" * 64}))

    assert why(other, locked(PURE)) == [
        "the index lists other bytes under this name (sha256 differs)"
    ]


def test_lacking_for_targets() -> None:
    """With targets chosen only what they would run can be lacking."""
    absent = locked(TWO, TWO_WINDOWS)
    hashes = " ".join(f"--hash=sha256:{n * 64}" for n in "12")

    assert why(page(PURE), absent, WINDOWS) == ["the index does not list it"]
    assert chosen(page(PURE), locked(TWO), WINDOWS) == []
    assert why(page(PURE), want(f"salt==1.0 {hashes}"), WINDOWS) == [
        "the index lists none of the files that are named"
    ]


@pytest.mark.parametrize("line", ["salt ; sys_platform == 'win32'", "salt==9; os_name == 'nt'"])
def test_markers(line: str) -> None:
    """What does not hold on the targets is not wanted, and so cannot be lacking."""
    assert chosen(page(*ALL), want(line)) == []


def test_hostile_pages() -> None:
    """Files whose names say nothing are never chosen, and stop nobody."""
    odd = page(PURE, "salt.whl", "salt-x-py3-none-any.whl", "???", "pepper-1.0.tar.gz.asc")

    assert chosen(odd, want("salt")) == [PURE]


@pytest.mark.parametrize(
    "line",
    [
        "salt==" + "1" * 3900,
        "salt===" + "1" * 3900,
        "salt~=" + "1." * 1900 + "1",
        "salt" + ",".join(f"!={n}" for n in range(100)),
        "salt ; " + "os_name == 'a' or " * 200 + "os_name == 'b'",
        "salt ; python_version < '" + "1" * 3900 + "'",
    ],
)
def test_hostile_lines(line: str) -> None:
    """The worst line that is read at all costs a page of a thousand files but moments."""
    many = page(*[f"salt-{n}.0.tar.gz" for n in range(1, 1001)])
    began = time.thread_time()

    choose(many, want(line), HERE)

    assert time.thread_time() - began < 10


@given(st.lists(st.sampled_from(ALL), unique=True), st.sampled_from(["salt", "salt<2", "salt==2"]))
def test_one_version(files: list[str], line: str) -> None:
    """All that is chosen is of one version, is on the page, and a choice or a reason is given."""
    choice = choose(page(*files), want(line), HERE)

    assert len({f.filename.split("-")[1].removesuffix(".tar.gz") for f in choice.files}) <= 1
    assert {f.filename for f in choice.files} <= set(files)
    assert bool(choice.files) != bool(choice.lacking)
