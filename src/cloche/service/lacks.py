"""What lock files and requirements name that is not here, as requirements for who can bring it."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from cloche.core.choosing import Lacking, Rules, choose
from cloche.core.errors import Error
from cloche.core.wants import Named, Want
from cloche.service.files import Files
from cloche.service.shelf import Shelf


@dataclass(frozen=True, slots=True)
class Lacks:
    shelf: Shelf
    files: Files

    async def of(
        self, index: str, wants: Sequence[Want], rules: Rules
    ) -> AsyncGenerator[tuple[str, str], None]:
        """A line of a requirements file for each want that cannot be met, and why."""
        for want in wants:
            lacking = await self._lacking(index, want, rules)
            if lacking:
                yield _line(want, lacking), "; ".join(dict.fromkeys(each.why for each in lacking))

    async def _lacking(self, index: str, want: Want, rules: Rules) -> list[Lacking]:
        try:
            shown = await self.shelf.get(index, want.project)
        except Error as e:
            return [Lacking(None, e.detail)]
        choice = await asyncio.to_thread(choose, shown.page, want, rules)
        lacking = list(choice.lacking)
        for file in choice.files:
            try:
                wanted = await self.files.find(index, want.project, file.key, file.filename)
                here = wanted.artifact is None or await self.files.fetch.kept(wanted.artifact)
                why = "" if here else f"{file.filename} is listed, and its bytes are not here"
            except Error as e:
                why = e.detail
            if why:
                lacking.append(Lacking(_named(want, file.filename, file.hashes), why))
        return lacking


def _named(want: Want, filename: str, hashes: dict[str, str]) -> Named | None:
    """What the want itself calls the file, if it names files."""
    return next(
        (
            each
            for each in want.files
            if each.filename == filename or any(pair in hashes.items() for pair in each.hashes)
        ),
        None,
    )


def _line(want: Want, lacking: Sequence[Lacking]) -> str:
    """The want for what it lacks: pip's own form, whatever it was read from."""
    marker = f" ; {want.marker}" if want.marker else ""
    hashes = [
        f" --hash={algorithm}:{value}"
        for each in lacking
        if each.file is not None
        for algorithm, value in each.file.hashes[:1]
    ]
    if not all(each.file and each.file.hashes for each in lacking):
        hashes = [f" --hash={a}:{v}" for each in want.files for a, v in each.hashes[:1]]
    return f"{want.project}{want.specifiers}{marker}{''.join(hashes)}"
