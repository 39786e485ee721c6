"""Of a project's page what requirements and lock files want of it."""

from collections.abc import Collection, Mapping, Sequence

from msgspec.structs import replace

from cloche.core.choosing import Rules, choose
from cloche.core.model import Page, ProjectName
from cloche.core.wants import Want
from cloche.service.static_way import Lacked, Narrow

Needs = Mapping[ProjectName, Collection[str]]
"""Names of files, by their project."""

NOTHING: Needs = {}


def narrowing(wants: Sequence[Want], rules: Rules, needed: Needs = NOTHING) -> Narrow:
    """What leaves on pages the files that are wanted, and those that are needed besides."""
    projects: dict[ProjectName, list[Want]] = {}
    for want in wants:
        projects.setdefault(want.project, []).append(want)

    def narrow(page: Page) -> tuple[Page, Sequence[Lacked]]:
        names = {*needed.get(page.name, ())}
        lacked: list[Lacked] = []
        for want in projects.get(page.name, ()):
            choice = choose(page, want, rules)
            names.update(file.filename for file in choice.files)
            lacked += (
                Lacked(want.says, str(each.file) if each.file else None, each.why)
                for each in choice.lacking
            )
        files = tuple(file for file in page.files if file.filename in names)
        return replace(page, files=files, versions=()), lacked

    return narrow
