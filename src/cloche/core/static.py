"""An index as plain files: where each lies, what the pages say, and what is known to be there.

Simple repository API (PEP 503, 691) out of files alone: `index.html` is what any server answers
with, and the other forms and encodings lie beside it for one that negotiates. The names are those
that bandersnatch gives them.
"""

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from urllib.parse import quote

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from cloche.core import gzips, zstd
from cloche.core.addresses import secure
from cloche.core.following import Position
from cloche.core.model import PROVENANCE, Digest, File, FileKey, Page, ProjectName
from cloche.core.negotiation import Format
from cloche.core.provenance import MEDIA_TYPE
from cloche.core.roots import Roll, parts
from cloche.core.wire import QUARANTINED, html_link, render_page

OWN = ".cloche"
"""The folder of a target in which it is written down what lies there."""

HTML, HTML_V1, JSON = "index.html", "index.v1_html", "index.v1_json"
_FORMS = {HTML: Format.HTML, HTML_V1: Format.HTML_V1, JSON: Format.JSON}
_UP = "../../packages/"  # from a project's page to the files


class Piece(Struct, frozen=True, array_like=True):
    """A file of an export. What is not known yet of one that is still to come is None."""

    digest: Digest | None = None
    size: int | None = None


class Manifest(Struct, frozen=True):
    """What lies in a target of one project, or of the list of all: no more than this.

    It is written before anything of the project is, and after; `whole` only then.
    """

    pieces: dict[str, Piece] = {}
    serial: int = 0  # of the project's last change
    whole: bool = False
    links: str = ""  # to its files, where one page has those of all projects


class Known(Struct, frozen=True, array_like=True):
    """What the last run made of a project. It holds until then, unless the journal names it."""

    serial: int
    files: int  # that lie there
    until: datetime | None = None  # None: it is to be looked at, whenever
    page: str = ""  # a digest of all that it says


class State(Struct, frozen=True):
    """What the last run has left, if it came to its end."""

    way: str = ""  # a digest of all that decides how pages are made
    journal: Position | None = None  # up to which all is in the target
    projects: dict[ProjectName, Known] = {}


class Mark(Struct, frozen=True, kw_only=True):
    """What a target is an export of; another may not be written over it."""

    index: str
    layout: str
    version: int = 1


class Layout(Struct, frozen=True, kw_only=True):
    """Where files lie."""

    root: str = ""  # in front of all
    forms: tuple[str, ...] = (HTML, JSON)
    packed: bool = True  # compressed copies beside pages
    by_content: bool = False  # files lie by their blake2b, as at PyPI; else by their project
    documents: bool = False  # PyPI's JSON API, too
    flat: bool = False  # all files in one folder, and nothing beside them but a page of links

    def folder(self, project: ProjectName, file: File, blake2: str) -> str:
        """Where a file lies, within `packages/`. `blake2` is of 256 bits, in hexadecimal."""
        if self.flat:
            return ""
        if self.by_content:
            return f"{blake2[:2]}/{blake2[2:4]}/{blake2[4:]}"
        return f"{project}/{file.key}"

    @property
    def files(self) -> str:
        """The folder of all files."""
        return "" if self.flat else f"{self.root}packages/"

    def path(self, folder: str, filename: str) -> str:
        return filename if self.flat else f"{self.files}{folder}/{filename}"

    def split(self, path: str) -> tuple[str, str]:
        """Folder and filename of what `path` made."""
        folder, _, filename = path.removeprefix(self.files).rpartition("/")
        return folder, filename

    def page_path(self, project: ProjectName) -> str:
        """The page that every server answers with."""
        return f"{self.root}simple/{project}/{HTML}"

    def page(self, page: Page, folders: Mapping[str, str]) -> dict[str, bytes]:
        """A project's page in all its forms. `folders` are those of its files."""
        if self.flat:
            return {}
        page = placed(page, folders)
        bodies = {name: render_page(page, _FORMS[name], _UP) for name in self.forms}
        return dict(self._written(f"{self.root}simple/{page.name}/", bodies))

    def links(self, page: Page) -> str:
        """The links to a project's files, where these lie with all others."""
        if not self.flat:
            return ""
        bare = (
            replace(file, core_metadata=False, gpg_sig=None, provenance=None)
            for file in offered(page)
        )
        return "".join(html_link(file, quote(file.filename)) for file in bare)

    def document_paths(self, project: ProjectName) -> tuple[str, ...]:
        """Where the JSON API's document of a project lies: bandersnatch has it twice."""
        if not self.documents:
            return ()
        return f"{self.root}json/{project}", f"{self.root}pypi/{project}/json"

    def list(self, roll: Roll) -> dict[str, bytes]:
        """The list of all projects in all its forms."""
        bodies = {
            name: b"".join(gzips.text(part) for part in parts(roll, _FORMS[name], {}))
            for name in self.forms
        }
        return dict(self._written(f"{self.root}simple/", bodies))

    def _written(self, folder: str, bodies: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
        for name, body in bodies.items():
            yield folder + name, body
            if self.packed:
                yield f"{folder}{name}.gz", gzip.compress(body, mtime=0)
                yield f"{folder}{name}.zst", zstd.packed(body)


LAYOUTS = {
    "simple": Layout(),
    "flat": Layout(forms=(), packed=False, flat=True),
    "bandersnatch": Layout(
        root="web/", forms=(*_FORMS,), packed=False, by_content=True, documents=True
    ),
}


_PACKED = {".gz": "gzip", ".zst": "zstd"}


def headers_of(path: str) -> tuple[str, str]:
    """The content type and encoding with which a file must be served; empty if it has none.

    A distribution is never served as encoded: clients would unpack it.
    """
    name = path.rpartition("/")[2]
    for form, kind in _FORMS.items():
        if name == form:
            return _typed(kind), ""
        for end, encoding in _PACKED.items():
            if name == form + end:
                return _typed(kind), encoding
    if name.endswith(PROVENANCE):
        return MEDIA_TYPE, ""
    return ("application/json", "") if name == "json" else ("application/octet-stream", "")


def _typed(kind: Format) -> str:
    return f"{kind}; charset=utf-8" if kind is Format.HTML else kind.value


def placed(page: Page, folders: Mapping[str, str]) -> Page:
    """The page with addresses of files by their folders, as `wire.href` makes them."""
    files = (replace(file, listed_key=FileKey(folders[file.filename])) for file in offered(page))
    return replace(page, files=tuple(files))


def offered(page: Page) -> tuple[File, ...]:
    """The files that a page lists: none of a project that is quarantined (PEP 792)."""
    return () if page.status == QUARANTINED else page.files


def manifest_path(project: ProjectName) -> str:
    return f"{OWN}/projects/{project}"


def read_manifest(data: bytes | None) -> Manifest:
    """What is written down; nothing where it cannot be read, for then all is written again."""
    try:
        return msgspec.json.decode(data or b"{}", type=Manifest)
    except msgspec.DecodeError:
        return Manifest()


def read_state(data: bytes | None, way: str) -> State:
    """What is written down; nothing if it cannot be read, or was made another way."""
    try:
        state = msgspec.json.decode(data or b"{}", type=State)
    except msgspec.DecodeError:
        return State()
    return state if state.way == way else State()


def digest_of(page: Page, serial: int) -> str:
    """Tells one page from another."""
    said = msgspec.msgpack.encode((serial, page))
    return hashlib.sha256(said).hexdigest()[:32]


def piece_of(data: bytes) -> Piece:
    return Piece(Digest(hashlib.sha256(data).hexdigest()), len(data))


def attested(file: File, path: str, base: str) -> str | None:
    """The address of a file's provenance: PEP 740 wants it absolute, and of a secure origin.

    Where the export has no address of its own, an upstream's stays; an upload then has none.
    """
    own = secure(f"{base}/{quote(path)}", base) if base else None
    return own or (file.provenance if file.url else None)
