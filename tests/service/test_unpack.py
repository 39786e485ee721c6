"""Room for a bundle: looked for before anything is written."""

import pytest

from cloche.core.errors import StorageFull
from cloche.service.unpack import MARGIN, Plan, check_room

PLAN = Plan(last=None, files=2, size=3 << 30, largest=2 << 30, changed=1, gone=())


@pytest.mark.parametrize(
    ("free", "place"),
    [
        ({"blobs": 3 << 30, "spool": 3 << 30}, "blobs"),
        ({"spool": 2 << 30}, "spool"),
        ({"blobs": (3 << 30) + MARGIN, "spool": (2 << 30) + MARGIN}, None),
        ({}, None),
    ],
)
def test_room(free: dict[str, int], place: str | None) -> None:
    """All files must fit where blobs are kept, and the largest where it is written first."""
    if place is None:
        check_room(PLAN, free)
        return
    with pytest.raises(StorageFull, match=rf"needs .* on the disk of the {place}"):
        check_room(PLAN, free)
