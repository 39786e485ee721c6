"""Platforms and Pythons."""

from typing import Any

import pytest

from cloche.core.errors import BadSetting
from cloche.core.model import File
from tests.rules.samples import clause, objected

WHEELS = [
    "py3-none-any",
    "py2-none-any",
    "cp311-cp311-win_amd64",
    "cp311-cp311-win32",
    "cp311-cp311-macosx_11_0_universal2",
    "cp311-cp311-macosx_10_9_x86_64",
    "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64",
    "cp311-cp311-musllinux_1_2_aarch64",
    "cp38-abi3-manylinux2014_x86_64",
    "cp313-cp313t-linux_armv7l",
    "pp310-pypy310_pp73-manylinux_2_28_x86_64",
    "cp312-cp312-ios_13_0_arm64_iphoneos",
    "cp312-cp312-android_21_arm64_v8a",
    "cp27-cp27mu-manylinux1_i686",
]
OLD = ["demo-1.0.win32-py2.7.exe", "demo-1.0-1.x86_64.rpm", "demo-1.0-py2.7-macosx-10.9-x86_64.egg"]


def withheld(**settings: Any) -> list[str]:
    """What of all these a rule objects to, by its tags."""
    files = [f"demo-1.0-{tags}.whl" for tags in WHEELS] + OLD
    found = objected(clause("platforms", **settings), *(File(filename=name) for name in files))
    return [name.removeprefix("demo-1.0-").removesuffix(".whl") for name in files if name in found]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("windows", ["cp311-cp311-win_amd64", "cp311-cp311-win32", OLD[0]]),
        ("win_amd64", ["cp311-cp311-win_amd64"]),
        ("win32", ["cp311-cp311-win32", OLD[0]]),
        (
            "macos",
            [*WHEELS[4:6], "py2.7-macosx-10.9-x86_64.egg"],
        ),
        ("manylinux", [WHEELS[6], WHEELS[8], WHEELS[10], WHEELS[13]]),
        ("musllinux", [WHEELS[7]]),
        ("linux", [*WHEELS[6:11], WHEELS[13], "1.x86_64.rpm"]),
        ("manylinux2014_*", [WHEELS[8]]),
        ("linux_armv7l", [WHEELS[9]]),
        ("ios", [WHEELS[11]]),
        ("android", [WHEELS[12]]),
        ("i686", ["cp311-cp311-win32", WHEELS[13], OLD[0]]),
        ("s390x", []),
        ("py2", [WHEELS[1], WHEELS[13], OLD[0], "py2.7-macosx-10.9-x86_64.egg"]),
        ("py2.7", [WHEELS[13], OLD[0], "py2.7-macosx-10.9-x86_64.egg"]),
        ("py3.8", []),
        ("cp313", [WHEELS[9]]),
        ("py3.10", [WHEELS[10]]),
    ],
)
def test_what_is_left_out(word: str, expected: list[str]) -> None:
    """A file is withheld that is for nothing but what is named; what others can use stays."""
    assert withheld(no=[word]) == [each.removeprefix("demo-1.0-") for each in expected]


@pytest.mark.parametrize(
    ("words", "stays"),
    [
        (["windows"], ["py3-none-any", "py2-none-any", *WHEELS[2:4], OLD[0]]),
        (["linux", "aarch64"], ["py3-none-any", "py2-none-any", WHEELS[7]]),
        (["arm64"], [*WHEELS[:2], WHEELS[4], WHEELS[7], *WHEELS[11:13]]),
        (["py3.12", "linux"], ["py3-none-any", WHEELS[8], "1.x86_64.rpm"]),
        (["cp313"], ["py3-none-any", *WHEELS[8:10], "1.x86_64.rpm"]),
        (["pp310"], ["py3-none-any", WHEELS[10], "1.x86_64.rpm"]),
        (["py2"], [WHEELS[1], WHEELS[13], *OLD]),
        (["cp3", "windows"], ["py3-none-any", *WHEELS[2:4]]),
        (["windows", "musllinux_*_aarch64"], [*WHEELS[:4], WHEELS[7], OLD[0]]),
    ],
)
def test_what_alone_is_wanted(words: list[str], stays: list[str]) -> None:
    """Words of one kind are alternatives, of several kinds all must be met; `any` meets them."""
    every = [*WHEELS, *(name.removeprefix("demo-1.0-") for name in OLD)]
    gone = {each.removeprefix("demo-1.0-") for each in stays}

    assert withheld(only=words) == [each for each in every if each not in gone]


def test_a_wheel_for_several_is_for_each() -> None:
    """It stays while one of its platforms, and one of its Pythons, is wanted."""
    fat = File(filename="demo-1.0-py2.py3-none-win_amd64.macosx_10_9_x86_64.whl")

    assert not objected(clause("platforms", no=["windows", "py2"]), fat)
    assert objected(clause("platforms", no=["windows", "macos"]), fat) == {
        fat.filename: "it runs nowhere that is wanted: py2.py3-none-win_amd64.macosx_10_9_x86_64"
    }


def test_both_lists_count() -> None:
    """What is wanted, but for what is left out of it."""
    found = withheld(only=["linux", "x86_64"], no=["manylinux1_*", "py2", "pp310"])

    assert [each for each in WHEELS if each not in found] == [WHEELS[0], WHEELS[6], WHEELS[8]]


def test_sdists_run_where_they_can_be_built() -> None:
    """No setting withholds a source distribution."""
    assert not objected(clause("platforms", only=["windows"]), File(filename="demo-1.0.tar.gz"))


@pytest.mark.parametrize("name", ["demo.txt", f"demo-1.0-{'py3.' * 60}x-{'a.' * 30}b-any.whl"])
def test_doubt_means_no(name: str) -> None:
    """A file whose name follows no rule, or says too much, might run anywhere or nowhere."""
    assert objected(clause("platforms", no=["freebsd"]), File(filename=name)) == {
        name: "where it runs cannot be told from its name"
    }


@pytest.mark.parametrize(
    "word", ["window", "linux64", "py", "py4", "py3.x", "x87", "*", "", "a" * 99]
)
def test_words_that_mean_nothing_are_refused(word: str) -> None:
    """A word that is misspelt is an error, for it would withhold nothing or all."""
    with pytest.raises(BadSetting):
        clause("platforms", no=[word])


def test_a_rule_that_says_nothing_is_refused() -> None:
    """It would withhold nothing."""
    with pytest.raises(BadSetting, match="say which platforms are shown"):
        clause("platforms")
