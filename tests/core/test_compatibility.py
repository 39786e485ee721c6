"""What names say of where distributions run."""

import sys

import pytest
from packaging import tags

from cloche.core.compatibility import Tags, is_of_machine, is_of_system, pairs_of, tags_of
from cloche.core.filenames import brief


def test_this_python_can_use_what_packaging_says() -> None:
    """Of the Python that runs the test, the pairs are among those of its own tags."""
    own = {(tag.interpreter, tag.abi) for tag in tags.cpython_tags(platforms=["any"])}
    own |= {(tag.interpreter, tag.abi) for tag in tags.compatible_tags(platforms=["any"])}

    assert own <= pairs_of(*sys.version_info[:2])


@pytest.mark.parametrize(
    ("version", "pair", "usable"),
    [
        ((3, 12), ("cp312", "cp312"), True),
        ((3, 12), ("cp312", "none"), True),
        ((3, 12), ("cp38", "abi3"), True),
        ((3, 12), ("cp313", "abi3"), False),
        ((3, 12), ("cp38", "cp38"), False),
        ((3, 12), ("py3", "none"), True),
        ((3, 12), ("py38", "none"), True),
        ((3, 12), ("py313", "none"), False),
        ((3, 12), ("py2", "none"), False),
        ((3, 12), ("cp312", "cp312t"), False),
        ((3, 13), ("cp313", "cp313t"), True),
        ((3, 7), ("cp37", "cp37m"), True),
        ((2, 7), ("cp27", "cp27mu"), True),
        ((2, 7), ("py2", "none"), True),
    ],
)
def test_which_python_can_use_what(
    version: tuple[int, int],
    pair: tuple[str, str],
    usable: bool,  # noqa: FBT001 - a table
) -> None:
    """The stable ABI and pure Python are of many versions, all else of one."""
    assert (pair in pairs_of(*version)) is usable


@pytest.mark.parametrize(
    ("platform", "system", "machines"),
    [
        ("win32", "windows", {"x86"}),
        ("win_arm64", "windows", {"aarch64"}),
        ("macosx_10_9_intel", "macos", {"x86", "x86_64"}),
        ("macosx_11_0_universal2", "macos", {"aarch64", "x86_64"}),
        ("manylinux_2_17_x86_64", "linux", {"x86_64"}),
        ("manylinux2014_ppc64", "manylinux", {"ppc64"}),
        ("manylinux2014_ppc64le", "linux", {"ppc64le"}),
        ("musllinux_1_2_armv7l", "musllinux", {"armv7l"}),
        ("ios_13_0_x86_64_iphonesimulator", "ios", {"x86_64"}),
        ("android_21_armeabi_v7a", "android", {"armv7l"}),
        ("pyodide_2025_0_wasm32", "emscripten", {"wasm32"}),
        ("freebsd_14_0_release_amd64", "freebsd", {"x86_64"}),
    ],
)
def test_platform_tags(platform: str, system: str, machines: set[str]) -> None:
    """A platform tag is of one system, and of one machine or of several."""
    every = ["x86", "x86_64", "aarch64", "armv7l", "ppc64", "ppc64le", "wasm32"]

    assert is_of_system(platform, system)
    assert {machine for machine in every if is_of_machine(platform, machine)} == machines


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("demo-1.0-py3-none-any.whl", Tags(None, (("py3", "none"),))),
        ("demo-1.0-1-CP39-abi3-Win32.whl", Tags(("win32",), (("cp39", "abi3"),))),
        ("demo-1.0-py2.7.egg", Tags(None, (("cp27", "none"),))),
        ("demo-1.0-py3.10-linux-x86_64.egg", Tags(("linux_x86_64",), (("cp310", "none"),))),
        ("demo-1.0.win-amd64-py3.4.msi", Tags(("win_amd64",), (("cp34", "none"),))),
        ("demo-1.0.win32.exe", Tags(("win32",))),
        ("demo-1.0.linux-x86_64.exe", Tags(("win_any",))),
        ("demo-1.0-1.noarch.rpm", Tags(("linux_noarch",))),
        ("demo-1.0.macosx-10.9-x86_64.tar.gz", Tags(("macosx_10_9_x86_64",))),
        ("demo-1.0-py3.whl", None),
        ("demo.txt", None),
    ],
)
def test_what_names_say(name: str, expected: Tags | None) -> None:
    """Wheels say it in tags, and what was before them in distutils' words."""
    assert tags_of(name, brief(name)) == expected
