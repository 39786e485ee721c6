"""What an index says of a project beside its source: yanks (PEP 592), a status (PEP 792)."""

from collections.abc import Collection, Iterator

from msgspec import Struct
from msgspec.structs import replace
from packaging.version import InvalidVersion, Version

from cloche.core.errors import BadName, BadRequest, NoSuchFile
from cloche.core.filenames import parse, version_of
from cloche.core.model import File, Page, ProjectName, Status, project_name, safe_filename

MAX_REASON = 500  # characters


class Part(Struct, frozen=True, kw_only=True):
    """Of a project of an index: one file, one version, or all of it."""

    index: str
    project: ProjectName
    version: str | None = None  # as PEP 440 writes it
    filename: str | None = None

    def __str__(self) -> str:
        return self.filename or f"{self.project} {self.version or ''}".rstrip()

    def of(self, page: Page) -> list[File]:
        """The files of a page that belong to it. Raise NoSuchFile when none does."""
        found = [file for file in page.files if self.has(file.filename)]
        if not found:
            raise NoSuchFile(
                f"index {self.index} has no file of {self}; its page shows what it has"
            )
        return found

    def has(self, filename: str) -> bool:
        if self.filename is not None:
            return self.filename == filename
        return self.version is None or self.version == version_of(filename)


class Yank(Struct, frozen=True, kw_only=True):
    """That an index holds files to be yanked, or not to be, whatever their source says."""

    version: str  # empty where the filename does not tell
    filename: str  # empty for all files of the version, those that are still to come too
    yanked: bool
    reason: str = ""

    def belongs_to(self, part: Part) -> bool:
        if part.filename is not None:
            return part.filename == self.filename
        return part.version == self.version


class Marks(Struct, frozen=True, kw_only=True):
    """All that an index says of one project."""

    status: Status | None = None
    reason: str = ""  # of the status
    yanks: tuple[Yank, ...] = ()

    def __bool__(self) -> bool:
        return self.status is not None or bool(self.yanks)

    def over(self, page: Page, own: Collection[str] = ()) -> Page:
        """The page as it is with these marks; `own` are names of files that say it themselves."""
        if self.yanks:
            page = replace(page, files=tuple(self._files(page, own)))
        if self.status is not None:
            page = replace(page, status=str(self.status), status_reason=self.reason or None)
        return page

    def but(self, part: Part) -> "Marks":
        """These marks without those of a part."""
        return replace(self, yanks=tuple(y for y in self.yanks if not y.belongs_to(part)))

    def _files(self, page: Page, own: Collection[str]) -> Iterator[File]:
        named = {yank.filename: yank for yank in self.yanks if yank.filename}
        whole = {yank.version: yank for yank in self.yanks if not yank.filename}
        for file in page.files:
            yank = named.get(file.filename)
            if yank is None and whole:
                yank = whole.get(version_of(file.filename) or "")
            if yank is not None and file.filename not in own:
                file = replace(file, yanked=yanked(yank.reason, yank.yanked))  # noqa: PLW2901
            yield file


def yanked(reason: str, is_yanked: bool = True) -> bool | str:  # noqa: FBT001, FBT002 - what PEP 592 says
    """A file's `yanked`, as pages state it: the reason where there is one."""
    return (reason or True) if is_yanked else False


def version(raw: str) -> str:
    """A version as PEP 440 writes it. Raise BadName when it is none."""
    try:
        return str(Version(raw))
    except InvalidVersion:
        raise BadName(f"{raw!r} is not a version (PEP 440), such as 1.0 or 2.1rc1") from None


def part(index: str, raw: str) -> Part:
    """Read `PROJECT`, `PROJECT==VERSION`, `FILENAME` or `PROJECT/FILENAME`. Raise BadName.

    The last is for files whose names do not tell their project.
    """
    for mark in ("==", "/"):
        name, marked, said = raw.partition(mark)
        if marked:
            of = project_name(name.strip())
            if mark == "/":
                return Part(index=index, project=of, filename=filename(said))
            return Part(index=index, project=of, version=version(said.strip()))
    try:
        return Part(index=index, project=parse(raw).project, filename=raw)
    except BadName:
        return Part(index=index, project=project_name(raw))


def filename(raw: str) -> str:
    """Raise BadName when it cannot be a distribution's filename."""
    if not safe_filename(raw):
        raise BadName(f"{raw!r} cannot be a filename: one plain path segment is needed")
    return raw


def reason(raw: str) -> str:
    """Why something is done, for people to read. Raise BadRequest unless it is one short line."""
    if len(raw) > MAX_REASON or not raw.isprintable():
        raise BadRequest(
            f"a reason is one line of at most {MAX_REASON} printable characters; shorten this one"
        )
    return raw.strip()
