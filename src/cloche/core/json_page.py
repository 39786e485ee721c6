"""A project's page in JSON, as an upstream sends it (PEP 691, 700, 714, 740, 792)."""

import msgspec
from msgspec import Raw, Struct

from cloche.core import beyond, entries
from cloche.core.addresses import secure
from cloche.core.entries import Claim
from cloche.core.errors import BadName, UpstreamLies
from cloche.core.model import File, Page, ProjectName, Unknown, project_name, sane_hashes

_NOTHING = Raw()
MAX_SIZE = 2**63 - 1  # bytes: uv reads a size into 64 bits, and fails the project on a greater one


class _JsonFile(Struct, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Every value may be null: older and careless servers write that for "unknown"."""

    filename: str
    url: str
    hashes: dict[str, str | None] | None = None
    size: int | None = None
    upload_time: str | None = msgspec.field(name="upload-time", default=None)
    requires_python: str | None = msgspec.field(name="requires-python", default=None)
    core_metadata: Claim = msgspec.field(name="core-metadata", default=None)
    # What it was called before PEP 714, and what PyPI calls it.
    dist_info_metadata: Claim = msgspec.field(name="dist-info-metadata", default=None)
    data_dist_info_metadata: Claim = msgspec.field(name="data-dist-info-metadata", default=None)
    yanked: bool | str | None = None
    gpg_sig: bool | None = msgspec.field(name="gpg-sig", default=None)
    provenance: str | None = None


class _LooseFile(_JsonFile, kw_only=True, forbid_unknown_fields=False):
    """An entry that says more."""


class _PageFacts(Struct, kw_only=True):
    meta: dict[str, Raw] | None = None
    name: str | None = None
    versions: list[str | None] | None = None
    status: dict[str, Raw] | None = msgspec.field(name="project-status", default=None)
    # Said of the index that the page lies on (PEP 708, 752): on another it would be a lie.
    last_serial: Raw = msgspec.field(name="_last-serial", default=_NOTHING)
    alternate_locations: Raw = msgspec.field(name="alternate-locations", default=_NOTHING)
    namespaces: Raw = _NOTHING


class _JsonPage(_PageFacts, kw_only=True, forbid_unknown_fields=True):
    files: list[_JsonFile]


class _LoosePage(_PageFacts, kw_only=True):
    """A page that says more, or of whose entries some do. Each of them is read on its own."""

    files: list[Raw]


_decode_page = msgspec.json.Decoder(_JsonPage).decode
_decode_loose_page = msgspec.json.Decoder(_LoosePage).decode
_decode_loose_file = msgspec.json.Decoder(_LooseFile).decode
_decode_members = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_word = msgspec.json.Decoder(str | None).decode
_PAGE_KEYS = frozenset(_JsonPage.__struct_encode_fields__)
_FILE_KEYS = frozenset(_JsonFile.__struct_encode_fields__)
_META_KEYS = frozenset({"api-version", "_last-serial", "tracks"})  # the last two as above
_STATUS_KEYS = frozenset({"status", "reason"})


def read(name: ProjectName, body: bytes, url: str, max_files: int) -> Page:
    """Read it. Raise UpstreamLies when it is none."""
    try:
        page, members = _json_page(body)
        meta, said = page.meta or {}, page.status or {}
        version = _word(meta, "api-version")
        status, reason = entries.status_of(_word(said, "status"), _word(said, "reason"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise UpstreamLies(f"the upstream's page of {name} is not a JSON page: {e}") from None
    entries.check_version(name, version)
    if page.name is not None and not _same(page.name, name):
        raise UpstreamLies(f"the upstream answered for {page.name!r} when asked for {name}")
    entries.check_count(name, len(page.files), max_files)
    unknown = Unknown(
        page=beyond.unknown(members, _PAGE_KEYS),
        meta=beyond.unknown(meta, _META_KEYS),
        status=beyond.unknown(said, _STATUS_KEYS),
    )
    return Page(
        name=name,
        files=entries.sound(name, len(page.files), (_json_file(each, url) for each in page.files)),
        versions=tuple(dict.fromkeys(version for version in page.versions or () if version)),
        status=status,
        status_reason=reason,
        unknown=None if unknown == Unknown() else unknown,
    )


def _json_page(body: bytes) -> tuple[_JsonPage | _LoosePage, dict[str, Raw]]:
    """The page, and its members if it may have unknown ones: looking for those costs time."""
    try:
        return _decode_page(body), {}
    except (msgspec.ValidationError, UnicodeDecodeError):
        return _decode_loose_page(body), _decode_members(body)


def _word(said: dict[str, Raw], key: str) -> str | None:
    return _decode_word(said[key]) if key in said else None


def _json_file(entry: _JsonFile | Raw, base: str) -> File | None:
    if not isinstance(entry, Raw):
        return _file(entry, base, None)
    try:
        return _file(
            _decode_loose_file(entry),
            base,
            beyond.unknown(_decode_members(entry), _FILE_KEYS),
        )
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _file(entry: _JsonFile, base: str, unknown: dict[str, Raw] | None) -> File | None:
    url = entries.place(entry.filename, entry.url, base)
    if url is None:
        return None
    when, text = entries.moment(entry.upload_time)
    return File(
        filename=entry.filename,
        url=url,
        hashes=sane_hashes(entry.hashes or {}),
        size=entry.size if entry.size is not None and 0 <= entry.size <= MAX_SIZE else None,
        upload_time=when,
        upload_time_text=text,
        requires_python=entry.requires_python,
        core_metadata=entries.claim(_claim(entry)),
        yanked=entry.yanked or False,
        gpg_sig=entry.gpg_sig,
        provenance=secure(entry.provenance, base) if entry.provenance else None,
        unknown=unknown,
    )


def _claim(entry: _JsonFile) -> Claim:
    if entry.core_metadata is not None:
        return entry.core_metadata
    older = entry.dist_info_metadata
    return entry.data_dist_info_metadata if older is None else older


def _same(raw: str, name: ProjectName) -> bool:
    try:
        return project_name(raw) == name
    except BadName:
        return False
