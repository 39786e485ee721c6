import pytest
from packaging.markers import Marker
from packaging.tags import sys_tags

from cloche.core.errors import BadRequest
from cloche.core.targets import targets

LINUX = ("manylinux_2_36_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "linux_x86_64")


def wheel(tag: str) -> str:
    return f"salt-1.0-{tag}.whl"


@pytest.mark.parametrize(
    ("tag", "runs"),
    [
        ("py3-none-any", True),
        ("py2.py3-none-any", True),
        ("py2-none-any", False),
        ("cp38-cp38-manylinux2014_x86_64", True),
        ("cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64", True),
        ("cp39-abi3-manylinux_2_17_x86_64", True),
        ("cp36-abi3-manylinux_2_17_x86_64", True),
        ("cp36-cp36m-manylinux_2_17_x86_64", False),
        ("cp313-cp313t-manylinux_2_17_x86_64", False),
        ("pp311-pypy311_pp73-manylinux_2_17_x86_64", False),
        ("cp313-cp313-manylinux_2_17_aarch64", False),
        ("cp313-cp313-macosx_11_0_arm64", False),
        ("cp313-cp313-win_amd64", False),
    ],
)
def test_by_default(tag: str, *, runs: bool) -> None:
    """With nothing said: this platform, and every Python that clients may run."""
    assert targets(LINUX).runs(wheel(tag)) is runs
    assert not targets(LINUX).chosen


@pytest.mark.parametrize(
    ("platform", "tag", "runs"),
    [
        ("manylinux_2_28_x86_64", "cp312-cp312-manylinux_2_28_x86_64", True),
        ("manylinux_2_28_x86_64", "cp312-cp312-manylinux_2_17_x86_64", True),
        ("manylinux_2_28_x86_64", "cp312-cp312-manylinux2010_x86_64", True),
        ("manylinux_2_28_x86_64", "cp312-cp312-manylinux_2_31_x86_64", False),
        ("manylinux2014_aarch64", "cp312-cp312-manylinux_2_17_aarch64", True),
        ("manylinux2014_aarch64", "cp312-cp312-manylinux_2_28_aarch64", False),
        ("linux_x86_64", "cp312-cp312-manylinux_2_34_x86_64", True),
        ("musllinux_1_2_x86_64", "cp312-cp312-musllinux_1_1_x86_64", True),
        ("musllinux_1_1_x86_64", "cp312-cp312-musllinux_1_2_x86_64", False),
        ("macosx_14_0_arm64", "cp312-cp312-macosx_11_0_arm64", True),
        ("macosx_14_0_arm64", "cp312-cp312-macosx_10_9_universal2", True),
        ("macosx_14_0_arm64", "cp312-cp312-macosx_15_0_arm64", False),
        ("win_amd64", "cp312-cp312-win_amd64", True),
        ("win_amd64", "cp312-cp312-win32", False),
        ("win_amd64", "py3-none-any", True),
        ("any", "py3-none-any", True),
        ("any", "cp312-cp312-win_amd64", False),
    ],
)
def test_platforms(platform: str, tag: str, *, runs: bool) -> None:
    """A platform runs what was built for it or for an older one of its kind."""
    chosen = targets(LINUX, platforms=[platform])

    assert chosen.runs(wheel(tag)) is runs
    assert chosen.chosen


def test_combinations() -> None:
    """Several platforms and Pythons are every combination of them."""
    chosen = targets(LINUX, platforms=["win_amd64", "macosx_14_0_arm64"], pythons=["3.11", "312"])

    for tag in ("win_amd64", "macosx_11_0_arm64"):
        assert chosen.runs(wheel(f"cp311-cp311-{tag}"))
        assert chosen.runs(wheel(f"cp312-cp312-{tag}"))
        assert not chosen.runs(wheel(f"cp313-cp313-{tag}"))
    assert not chosen.runs(wheel("cp311-cp311-manylinux2014_x86_64"))


def test_implementation_and_abi() -> None:
    """PyPy's wheels and free-threaded ones are had by asking for them."""
    pypy = targets(LINUX, implementation="pp", pythons=["3.11"])
    free = targets(LINUX, abis=["cp313t"], pythons=["3.13"])

    assert pypy.runs(wheel("pp311-pypy311_pp73-manylinux_2_17_x86_64"))
    assert not pypy.runs(wheel("cp311-cp311-manylinux_2_17_x86_64"))
    assert free.runs(wheel("cp313-cp313t-manylinux_2_17_x86_64"))
    assert not free.runs(wheel("cp313-cp313-manylinux_2_17_x86_64"))


def test_this_interpreter() -> None:
    """By default runs all that this interpreter would install."""
    here = {tag.platform for tag in sys_tags()} - {"any"}
    ours = targets(sorted(here))

    assert set(sys_tags()) <= ours.tags


@pytest.mark.parametrize(
    ("marker", "platform", "python", "meets"),
    [
        ("sys_platform == 'win32'", "win_amd64", "3.12", True),
        ("sys_platform == 'win32'", "linux_x86_64", "3.12", False),
        (
            "platform_system == 'Darwin' and platform_machine == 'arm64'",
            "macosx_14_0_arm64",
            "",
            True,
        ),
        ("platform_machine == 'aarch64'", "manylinux_2_28_aarch64", "", True),
        ("platform_machine == 'x86_64'", "musllinux_1_2_x86_64", "", True),
        ("platform_machine == 'AMD64' and os_name == 'nt'", "win_amd64", "", True),
        ("python_version < '3.11'", "linux_x86_64", "3.12", False),
        ("python_version < '3.11'", "linux_x86_64", "", True),
        ("python_full_version < '3.11.4'", "linux_x86_64", "3.11", True),
        ("python_full_version >= '3.11.4'", "linux_x86_64", "3.11", True),
        ("python_full_version >= '3.11.4'", "linux_x86_64", "3.11.2", False),
        ("implementation_name == 'pypy'", "linux_x86_64", "", False),
        ("extra == 'x'", "linux_x86_64", "", True),
        ("'x' in extras and os_name == 'nt'", "linux_x86_64", "", True),
    ],
)
def test_markers(marker: str, platform: str, python: str, *, meets: bool) -> None:
    """A marker holds where it holds on one of the targets, or cannot be told."""
    chosen = targets(LINUX, platforms=[platform], pythons=[python] * bool(python))

    assert chosen.meets(Marker(marker)) is meets
    assert chosen.meets(None)


def test_requires_python() -> None:
    """A file is for these Pythons if one of them will do; nonsense bounds nothing."""
    chosen = targets(LINUX, pythons=["3.11", "3.12"])

    assert chosen.allows(">=3.12")
    assert not chosen.allows(">=3.13")
    assert not chosen.allows("<3.11")
    assert chosen.allows("nonsense")
    assert chosen.allows(None)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"platforms": ["linux"]}, "no platform's tag"),
        ({"platforms": ["win-amd64"]}, "no platform's tag"),
        ({"platforms": [f"p_{n}" for n in range(51)]}, "50 platforms"),
        ({"pythons": ["three"]}, "no version of Python"),
        ({"pythons": ["3"]}, "no version of Python"),
        ({"pythons": [f"3.{n}" for n in range(21)]}, "20 Pythons"),
        ({"implementation": "jy"}, "not known"),
    ],
)
def test_nonsense(asked: dict[str, list[str]], why: str) -> None:
    """What is no platform, Python or implementation is told by its name, with what would do."""
    with pytest.raises(BadRequest, match=why):
        targets(LINUX, **asked)  # type: ignore[arg-type]  # each has what its option takes


def test_hostile_names() -> None:
    """A filename with thousands of combinations of tags, or none that can be read, runs nowhere."""
    assert not targets(LINUX).runs("salt-1.0.whl")
    assert not targets(LINUX).runs(wheel("x" + ".x" * 500 + "-y" + ".y" * 500 + "-z" + ".z" * 500))
