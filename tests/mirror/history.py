"""The history that the scripted upstream plays, a step at a time, the same in every run.

Each step changes projects of its own (`some`), so that its work is still to be seen at the end.
"""

from collections.abc import Callable, Iterator

from tests.mirror.world import QUARANTINED, World
from tests.packages import wheel

FAILING = "always-fails"
SPOILED = "wrong-bytes"
EACH = 5
"""Projects that a step changes in each way that it knows."""

_STEPS = (
    "publish",
    "yank",
    "unyank",
    "delete files",
    "delete releases",
    "delete projects",
    "publish again",
    "rename",
    "quarantine",
    "release",
    "stall",
    "catch up",
    "late pages",
    "pages in time",
    "jump back",
)


def founded(projects: int, *, bad: bool = True) -> World:
    """A world of so many projects, with one that always fails and one file of wrong bytes."""
    world = World()
    for number in range(projects - 2):
        found(world, name(number), number)
    if not bad:
        return world
    world.publish(FAILING, "1.0")
    world.publish(SPOILED, "1.0")
    world.publish(SPOILED, "2.0")
    world.failing.add(FAILING)
    world.spoiled.add(wheel(SPOILED, "2.0").filename)
    return world


def found(world: World, project: str, number: int) -> None:
    """Publish two releases, and beside them what mirrors filter: sdists, candidates, platforms."""
    world.publish(project, "1.0")
    world.publish(project, "2.0")
    if number % 5 == 0:
        world.publish(project, "2.0", source=True)
    if number % 7 == 0:
        world.publish(project, "2.1rc1")
    if number % 11 == 0:
        world.publish(project, "2.0", tag="cp312-cp312-win_amd64")


def name(number: int) -> str:
    return f"project-{number:04}"


def some(step: str) -> Iterator[str]:
    """The projects that the step changes."""
    start = _STEPS.index(step) * EACH
    return map(name, range(start, start + EACH))


def filename(project: str, version: str) -> str:
    return wheel(project, version).filename


def publish(world: World) -> None:
    """A new release of some projects, and some new projects."""
    for number, each in enumerate(some("publish")):
        world.publish(each, "3.0")
        found(world, f"new-{number}", number)


def yank(world: World) -> None:
    """With a reason and without; half of them for good, the others until the next step."""
    for step, reason in (("yank", "it eats data"), ("unyank", True)):
        for each in some(step):
            world.mark(each, filename(each, "2.0"), yanked=reason)


def unyank(world: World) -> None:
    for each in some("unyank"):
        world.mark(each, filename(each, "2.0"), yanked=False)


def delete_files(world: World) -> None:
    for each in some("delete files"):
        world.remove(each, filename(each, "1.0"))


def delete_releases(world: World) -> None:
    """All files of a version, and of some projects of every version: an empty page stays."""
    for number, each in enumerate(some("delete releases")):
        gone = [one for one in world.projects[each].files if "-2.0" in one or number == 0]
        world.remove(each, *gone)


def delete_projects(world: World) -> None:
    for step in ("delete projects", "publish again"):
        for each in some(step):
            world.remove_project(each)


def publish_again(world: World) -> None:
    """Deleted projects come back, with the same file, the same name on other bytes, and a new."""
    for each in some("publish again"):
        world.publish(each, "1.0")
        world.publish(each, "2.0", body=b"# by somebody else\n")
        world.publish(each, "4.0")


def rename(world: World) -> None:
    for each in some("rename"):
        world.rename(each, each.title().replace("-", "_"))


def quarantine(world: World) -> None:
    """Files of some projects are withheld, some of these until the next step; others archived."""
    for step in ("quarantine", "release"):
        for each in some(step):
            world.set_status(each, QUARANTINED, "it phones home")
    for each in some("rename"):
        world.set_status(each, "archived")


def release(world: World) -> None:
    for each in some("release"):
        world.set_status(each, "active")


def stall(world: World) -> None:
    """Releases of which the list of projects does not know yet."""
    world.stalled = world.listed()
    for each in some("stall"):
        world.publish(each, "3.0")


def catch_up(world: World) -> None:
    world.stalled = None


def jump_back(world: World) -> None:
    """The upstream comes back from an older backup: its serials begin again, far behind."""
    world.serial -= 1000
    world.changes.clear()
    for each in some("jump back"):
        world.publish(each, "3.0")


def late_pages(world: World) -> None:
    """Releases that the list of projects knows of, and a cache of pages does not."""
    for each in some("late pages"):
        world.late[each] = world.projects[each]
        world.publish(each, "3.0")


def pages_in_time(world: World) -> None:
    world.late.clear()


STEPS: dict[str, Callable[[World], None]] = {
    "publish": publish,
    "yank": yank,
    "unyank": unyank,
    "delete files": delete_files,
    "delete releases": delete_releases,
    "delete projects": delete_projects,
    "publish again": publish_again,
    "rename": rename,
    "quarantine": quarantine,
    "release": release,
    "stall": stall,
    "catch up": catch_up,
    "late pages": late_pages,
    "pages in time": pages_in_time,
    "jump back": jump_back,
}
FEWEST = len(_STEPS) * EACH + 2
"""Projects that a world has at least."""
