"""Projects, versions and files as rules list them: in their settings, and in files."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct

from cloche import wanted
from cloche.core.errors import BadSetting, TooLarge
from cloche.core.model import File, ProjectName
from cloche.core.patterns import Names, Selector, selector
from cloche.core.wants import Named, Want, Wants

MAX_SHORT = 100  # characters of a requirement, in a reason


def read(files: Iterable[str], folder: Path) -> Wants:
    """What requirements and lock files name; paths are relative to `folder`. Raise BadSetting."""
    try:
        return wanted.read(str(folder / each) for each in files)
    except TooLarge as e:
        raise BadSetting(str(e)) from None


class Listing(Struct, frozen=True, eq=False):
    """Requirements, by project."""

    exact: Mapping[ProjectName, tuple[Selector, ...]]
    globs: tuple[Selector, ...]

    def of(self, project: ProjectName) -> tuple[Selector, ...]:
        """Those that are about the project."""
        exact = self.exact.get(project, ())
        if not self.globs:
            return exact
        return (*exact, *(each for each in self.globs if each.names.match(project)))


def listing(said: Iterable[str], wants: Iterable[Want] = ()) -> Listing:
    """Read requirements, and take what is wanted for such. Raise BadName."""
    exact: dict[ProjectName, tuple[Selector, ...]] = {}
    globs: list[Selector] = []
    for each in (*map(selector, said), *map(_selector, wants)):
        if each.names.globs is not None:
            globs.append(each)
        for project in each.names.exact:
            exact[project] = (*exact.get(project, ()), each)
    return Listing(exact, tuple(globs))


def _selector(want: Want) -> Selector:
    only = Names((want.project,), frozenset({want.project}), None)
    return Selector(f"{want.project}{want.specifiers}", only, want.specifiers)


class Files(Struct, frozen=True, eq=False):
    """Some files of a project: by any of their hashes or, where a list has none, by name."""

    hashes: Mapping[tuple[str, str], Named]
    names: frozenset[str]

    def has(self, file: File) -> bool:
        found = next((n for pair in file.hashes.items() if (n := self.hashes.get(pair))), None)
        if found is None:
            return file.filename in self.names
        # One digest that fits and another that does not: these are not the bytes that are meant.
        return all(file.hashes.get(name, value) == value for name, value in found.hashes)


def files(wants: Iterable[Want]) -> dict[ProjectName, Files]:
    """The files that are wanted, by project."""
    found: dict[ProjectName, list[Named]] = {}
    for want in wants:
        found.setdefault(want.project, []).extend(want.files)
    return {project: _files(named) for project, named in found.items()}


def _files(named: Iterable[Named]) -> Files:
    hashes, names = dict[tuple[str, str], Named](), set[str]()
    for each in named:
        hashes.update(dict.fromkeys(each.hashes, each))
        if each.filename and not each.hashes:
            names.add(each.filename)
    return Files(hashes, frozenset(names))


def short(said: object) -> str:
    """A requirement as a reason has it: one line, not long."""
    return "".join(filter(str.isprintable, str(said)))[:MAX_SHORT]
