"""Which of a page's files a want means."""

from collections.abc import Iterator

from msgspec import Struct
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from cloche.core.errors import BadName
from cloche.core.filenames import parse
from cloche.core.model import File, Page
from cloche.core.targets import WHEEL, Targets
from cloche.core.wants import Named, Want

WANTED_KINDS = frozenset({"sdist", "bdist_wheel"})  # what installers take today


class Rules(Struct, frozen=True, kw_only=True):
    """How to choose where a want leaves a choice."""

    targets: Targets
    prereleases: bool = False
    everything: bool = False  # every file of the version, whatever it runs on
    sdists: bool = True  # also where a wheel will do


class Lacking(Struct, frozen=True):
    """What the page does not have, and why that is so. `file` is None for a want as a whole."""

    file: Named | None
    why: str


class Choice(Struct, frozen=True):
    files: tuple[File, ...] = ()
    lacking: tuple[Lacking, ...] = ()


def choose(page: Page, want: Want, rules: Rules) -> Choice:
    """The files that are named; else those of the newest version that satisfies.

    Named files are all taken, whatever they run on, unless somebody has chosen targets.
    """
    narrow = rules.targets.chosen and not rules.everything
    if (narrow or not want.files) and not rules.targets.meets(want.marker):
        return Choice()
    choice = _named(page, want, rules, narrow=narrow) if want.files else _newest(page, want, rules)
    return choice if rules.sdists else _without_sdists(choice)


def _named(page: Page, want: Want, rules: Rules, *, narrow: bool) -> Choice:
    found: dict[str, File] = {}
    lacking: list[Lacking] = []
    by_hash = {pair: file for file in page.files for pair in file.hashes.items()}
    for named in want.files:
        file, why = _look_up(page, named, by_hash)
        if file is not None:
            found[file.filename] = file
        elif not narrow or (named.filename and rules.targets.runs(named.filename)):
            lacking.append(Lacking(named, why))
    files = [file for file in found.values() if not narrow or rules.targets.runs(file.filename)]
    if narrow and not found and any(named.filename is None for named in want.files):
        lacking.append(Lacking(None, "the index lists none of the files that are named"))
    return Choice(tuple(files), tuple(lacking))


def _look_up(
    page: Page, named: Named, by_hash: dict[tuple[str, str], File]
) -> tuple[File | None, str]:
    if named.filename is None:
        file = next((by_hash[pair] for pair in named.hashes if pair in by_hash), None)
        return file, "the index lists no file with this hash"
    file = page.find(named.filename)
    if file is None:
        return None, "the index does not list it"
    wrong = [n for n, value in named.hashes if file.hashes.get(n, value) != value]
    if wrong:
        return None, f"the index lists other bytes under this name ({wrong[0]} differs)"
    return file, ""


def _newest(page: Page, want: Want, rules: Rules) -> Choice:
    candidates: dict[Version, list[File]] = {}
    for version, file in _offered(page, want.specifiers, rules):
        candidates.setdefault(version, []).append(file)
    prereleases = True if rules.prereleases else None
    versions = list(want.specifiers.filter(candidates, prereleases=prereleases))
    if versions:
        return Choice(tuple(candidates[max(versions)]))
    if not page.files:
        return Choice((), (Lacking(None, f"the index has no files of {page.name}"),))
    asked = f" that satisfies {want.specifiers}" if want.specifiers else ""
    return Choice((), (Lacking(None, f"the index has no version of {page.name}{asked} for these"),))


def _offered(page: Page, specifiers: SpecifierSet, rules: Rules) -> Iterator[tuple[Version, File]]:
    pinned = any(s.operator in {"==", "==="} and "*" not in s.version for s in specifiers)
    for file in page.files:
        if file.yanked is not False and not pinned:  # PEP 592: only what names it gets it
            continue
        try:
            said = parse(file.filename)
        except BadName:
            continue
        if rules.everything or (
            said.filetype in WANTED_KINDS
            and rules.targets.allows(file.requires_python)
            and rules.targets.runs(file.filename)
        ):
            yield said.version, file


def _without_sdists(choice: Choice) -> Choice:
    wheels = tuple(file for file in choice.files if file.filename.endswith(WHEEL))
    return Choice(wheels or choice.files, choice.lacking)
