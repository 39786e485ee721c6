"""Numbers of bytes."""

import pytest

from cloche.core.errors import BadName
from cloche.core.quantities import byte_count, readable


@pytest.mark.parametrize(
    ("said", "count"),
    [
        (1, 1),
        ("1234", 1234),
        ("50 MB", 50_000_000),
        ("50M", 50_000_000),
        ("1.5 kB", 1500),
        ("2 GiB", 2 << 30),
        ("2Ti", 2 << 40),
        ("7 B", 7),
    ],
)
def test_sizes_are_read(said: int | str, count: int) -> None:
    """With a unit of thousands, one of 1,024s, or none."""
    assert byte_count(said) == count


@pytest.mark.parametrize(
    "said", ["", "MB", "1 PB", "-1", "1e9", 0, "0.1", "5 iB", "1,000", "\u0661"]
)
def test_what_is_no_size_is_refused(said: int | str) -> None:
    """The error shows how a size is written."""
    with pytest.raises(BadName, match="such as 50 MB"):
        byte_count(said)


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (1_234_567, "1.2 MB"),
        (10**16, "10000.0 TB"),
    ],
)
def test_sizes_are_shown(count: int, shown: str) -> None:
    """In the unit in which they have few digits."""
    assert readable(count) == shown
