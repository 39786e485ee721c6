"""What a requirements file or a lock file asks for: projects, and of these versions or files."""

from collections.abc import Iterable, Iterator
from urllib.parse import unquote, urlsplit

from msgspec import Struct
from msgspec.structs import replace
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet

from cloche.core.errors import TooLarge
from cloche.core.model import ProjectName, safe_filename, sane_hashes

MAX_WANTS = 20_000  # requirements or packages of one run
MAX_FILES = 400_000  # that all of them name


class Named(Struct, frozen=True, kw_only=True):
    """One file that is asked for: by its filename, by a hash, or by both."""

    filename: str | None = None
    hashes: tuple[tuple[str, str], ...] = ()  # algorithm, hexadecimal: any of them tells it

    def __str__(self) -> str:
        told = next((f"{algorithm}:{value}" for algorithm, value in self.hashes), "")
        return self.filename or told


class Want(Struct, frozen=True, kw_only=True):
    """One requirement: exactly these files if any are named, else a version that satisfies.

    Of what is locked the specifiers are the version, if that is told.
    """

    project: ProjectName
    says: str  # in the file's own words, for whoever reads the report
    specifiers: SpecifierSet = SpecifierSet()
    marker: Marker | None = None
    files: tuple[Named, ...] = ()
    extras: frozenset[str] = frozenset()


class Left(Struct, frozen=True, kw_only=True):
    """What no index can be asked for, or nobody can read, and why."""

    says: str
    why: str
    project: ProjectName | None = None  # of which a lock names no file of an index


class Wants(Struct, frozen=True, kw_only=True):
    """All that a file asks for. `prereleases`: it says that these will do too."""

    wants: tuple[Want, ...] = ()
    left: tuple[Left, ...] = ()
    prereleases: bool = False


def joined(parts: Iterable[Wants]) -> Wants:
    """Several files' wants as one's. Raise TooLarge beyond MAX_WANTS or MAX_FILES."""
    every = list(parts)
    whole = Wants(
        wants=tuple(want for each in every for want in each.wants),
        left=tuple(left for each in every for left in each.left),
        prereleases=any(each.prereleases for each in every),
    )
    check(len(whole.wants) + len(whole.left), sum(len(want.files) for want in whole.wants))
    return whole


def check(wants: int, files: int) -> None:
    """Raise TooLarge when these are more than one run takes."""
    if wants > MAX_WANTS or files > MAX_FILES:
        raise TooLarge(
            f"{wants} requirements with {files} files are asked for, and {MAX_WANTS} with "
            f"{MAX_FILES} can be at once; ask for fewer"
        )


def constrained(wants: Iterable[Want], constraints: Iterable[Want]) -> Iterator[Want]:
    """What is wanted, within bounds that want nothing themselves (pip's constraints files).

    One that holds in some environments only makes a requirement two: with it, and without.
    """
    bounds: dict[ProjectName, list[Want]] = {}
    for constraint in constraints:
        bounds.setdefault(constraint.project, []).append(constraint)
    for want in wants:
        mine = bounds.get(want.project, [])
        always = _bounded(want, [each for each in mine if each.marker is None])
        yield always
        for each in mine:
            if each.marker is not None:
                marker = each.marker if want.marker is None else want.marker & each.marker
                yield replace(_bounded(always, [each]), marker=marker)


def _bounded(want: Want, constraints: list[Want]) -> Want:
    for each in constraints:
        want = replace(
            want, specifiers=want.specifiers & each.specifiers, files=want.files or each.files
        )
    return want


def named(filename: str | None, hashes: Iterable[str]) -> Named | None:
    """Read what names a file: hashes as `algorithm:hexadecimal`. None when nothing does."""
    pairs = dict(each.partition(":")[::2] for each in hashes)
    sane = tuple(sorted(sane_hashes(pairs).items()))
    filename = filename if filename and safe_filename(filename) else None
    return Named(filename=filename, hashes=sane) if filename or sane else None


def filename_in(address: str) -> str:
    """The filename that a URL or path ends with. The rest of an address is never used."""
    try:
        path = urlsplit(address).path
    except ValueError:
        return ""
    return unquote(path.replace("\\", "/").rpartition("/")[2])
