"""The public projects that the fake upstream offers here: one dish and what it is made of."""

from tests.packages import Built, sdist, wheel
from tests.upstream.controller import Upstream

SALT = wheel("salt", "1.0")
EGGS = wheel("eggs", "1.5", requires=["salt"])
TOAST = sdist("toast", "1.0")
BREAKFAST_1 = wheel("breakfast", "1.0", requires=["eggs>=1"])
BREAKFAST = wheel("breakfast", "2.0", requires=["eggs>=1", "Toast"])

MEAL = (BREAKFAST, EGGS, SALT, TOAST)
"""What installing breakfast takes."""
VERSIONS = {built.name: built.version for built in MEAL}


def serve(upstream: Upstream) -> None:
    """Put everything on the upstream: wheels with metadata and without, and one sdist."""
    upstream.add(BREAKFAST_1)
    upstream.add(wheel("eggs", "1.0"))
    upstream.add(BREAKFAST)
    upstream.add(EGGS, metadata=False)
    upstream.add(SALT)
    upstream.add(TOAST, metadata=False)


def pinned(*meal: Built) -> str:
    """Write a requirements file with a hash for each."""
    lines = (f"{one.name}=={one.version} --hash=sha256:{one.sha256}\n" for one in meal)
    return "".join(lines)
