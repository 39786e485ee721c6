"""What requirements come to, also where somebody would have that be without end."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from cloche.core.choosing import Rules
from cloche.core.model import File, FileKey, Page, ProjectName
from cloche.core.needs import MAX_LINES
from cloche.core.requirements_file import read
from cloche.core.targets import targets
from cloche.service.closure import MAX_EXTRAS, Closure, Needed

pytestmark = pytest.mark.anyio

LINUX = Rules(targets=targets((), platforms=["manylinux_2_28_x86_64"], pythons=["3.12"]))


@dataclass
class Shelves:
    """Projects of one version each, and what that requires. Nobody waits for anything."""

    requires_dist: Mapping[str, tuple[str, ...]]
    asked: list[str] = field(default_factory=list)

    async def page(self, project: ProjectName) -> Page | None:
        if project not in self.requires_dist:
            return None
        name = f"{project}-1.0-py3-none-any.whl"
        file = File(filename=name, listed_key=FileKey(name), hashes={"sha256": "0" * 64})
        return Page(name=project, files=(file,))

    async def requires(self, project: ProjectName, file: File) -> tuple[str, ...]:
        self.asked.append(file.filename)
        return self.requires_dist[project]


async def needed(wants: str, **requires_dist: tuple[str, ...]) -> Needed:
    return await Closure(Shelves(requires_dist), [LINUX], read(wants).wants).of()


async def test_extras_name_extras() -> None:
    """Extras of a project that name others of its own are followed to what those need."""
    found = await needed(
        "big[all]",
        big=("big[db,web]; extra == 'all'", "sql; extra == 'db'", "http; extra == 'web'"),
        sql=(),
        http=(),
    )

    assert set(found.files) == {"big", "sql", "http"}
    assert found.notes == ()


async def test_extras_without_end_are_bounded() -> None:
    """A version that names thousands of its own extras is not looked at for each of them."""
    many = tuple(f"evil[e{number}]" for number in range(2 * MAX_EXTRAS))
    found = await needed("evil", evil=(*many, "good"), good=())

    assert found.count == 1 + MAX_EXTRAS + 1
    assert set(found.files) == {"evil", "good"}
    assert found.notes == (
        f"evil is needed with over {MAX_EXTRAS} sets of extras, of which the others are left out",
    )


async def test_requirements_without_end_are_bounded() -> None:
    """Of what one version requires, no more is read than any would."""
    lines = tuple(f"dep{number}" for number in range(2 * MAX_LINES))
    found = await needed("evil", evil=lines)

    assert len(found.files) == 1 + MAX_LINES


async def test_others_go_on_meanwhile() -> None:
    """However much a version requires, whoever else has work gets to it."""
    many = tuple(f"evil[e{number}]" for number in range(100))
    walk = asyncio.ensure_future(needed("evil", evil=many))
    turns = 0
    while not walk.done():
        await asyncio.sleep(0)
        turns += 1

    assert turns >= (await walk).count
