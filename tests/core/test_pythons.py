"""Versions of Python, and ranges over them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from cloche.core.pythons import admits, python


@pytest.mark.parametrize(
    ("stated", "admitted"),
    [
        (">=3.12", True),
        (">=3.12.3", True),
        (">=3.12.3,<3.12.5", True),
        (">3.12.3,<3.12.5", True),
        (">3.12.3,<3.12.4", False),
        ("!=3.12.0,!=3.12.1", True),
        ("!=3.12.*", False),
        ("==3.12.7", True),
        ("~=3.12.2", True),
        ("<3.12", False),
        ("<3.12.1", True),
        (">=3.13", False),
        ("===3.12.4", True),
        ("===what", False),
        (">=3.12.3.1", True),
        ("rubbish", None),
        (">=" + "3" * 2000, None),
    ],
)
def test_a_minor_version_is_any_of_its_patches(stated: str, admitted: bool | None) -> None:  # noqa: FBT001 - a table
    """A range that has one patch release of it in it admits the minor version."""
    assert admits(stated, python("3.12")) is admitted


def test_a_patch_is_itself() -> None:
    """A version to the patch is in the range, or is not."""
    assert admits(">=3.12.3", python("3.12.3"))
    assert not admits(">=3.12.3", python("3.12.2"))


BOUNDS = st.builds(
    "{}3.{}.{}".format,
    st.sampled_from([">=", "<=", ">", "<", "==", "!=", "~="]),
    st.integers(11, 13),
    st.integers(0, 20),
)


@given(bounds=st.lists(BOUNDS, max_size=4))
def test_no_patch_is_overlooked(bounds: list[str]) -> None:
    """What is found from a few patch releases is what looking at each of them finds."""
    stated = ",".join(bounds) or ">=3"
    every = (f"3.12.{patch}" for patch in range(40))

    assert admits(stated, python("3.12")) is any(map(SpecifierSet(stated).contains, every))
