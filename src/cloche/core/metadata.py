"""Core metadata (METADATA, PKG-INFO): what a distribution says of itself."""

import re
from collections.abc import Mapping
from typing import cast

from msgspec import Struct
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.metadata import RawMetadata, parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from cloche.core.errors import BadName, BadUpload
from cloche.core.filenames import Named
from cloche.core.model import project_name

STATIC_SINCE = Version("2.2")
DEPENDENCIES = frozenset({"requires-dist", "requires-python", "provides-extra"})

MAX_LINES = 200_000  # before the body: old files fold the whole description into a field
MAX_KINDS = 100  # spellings of field names: the parser looks each up in all lines; 36 have sense
MAX_VALUE = 1_000  # characters of a version, of Requires-Python or of one requirement

_LINE = re.compile(r"([^\r\n]*)(?:\r\n|\r|\n|\Z)")
_FIELD = re.compile(r"([!-9;-~]*):")  # RFC 5322, 3.6.8
_METADATA_VERSION = re.compile(r"[12]\.[0-9]{1,3}\Z")
_FOLDED = re.compile(r"\n(?: {8}| {7}\|)")
_NEVER_DYNAMIC = frozenset({"name", "version", "metadata-version"})
_RELIED_ON = ("metadata-version", "name", "version", "requires-python")
_SHOWN = 100  # characters of a wrong value
_AGREE = "make them agree"
_ABSENT = ("", "UNKNOWN")  # distutils wrote UNKNOWN for what nobody had said


class Metadata(Struct, frozen=True, kw_only=True):
    """The fields as they are written. `name`, `version` and `requires_python` are sound."""

    metadata_version: str
    name: str
    version: str
    requires_python: str | None = None
    requires_dist: tuple[str, ...] = ()
    provides_extra: tuple[str, ...] = ()
    summary: str = ""
    description: str = ""
    description_content_type: str | None = None
    author: str = ""
    author_email: str = ""
    maintainer: str = ""
    maintainer_email: str = ""
    license: str = ""
    license_expression: str | None = None
    license_files: tuple[str, ...] = ()
    home_page: str = ""
    download_url: str = ""
    project_urls: dict[str, str] = {}
    classifiers: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    dynamic: tuple[str, ...] = ()  # names of fields, in lower case


def read(raw: bytes) -> Metadata:
    """Read METADATA or PKG-INFO, as leniently as published ones need.

    Raise BadUpload, with all problems, when a field that others rely on is missing or wrong:
    Metadata-Version, Name, Version, Requires-Python. Other fields without sense are left out.
    """
    text = raw.decode("utf-8", "replace")
    _bound(text)
    fields, unparsed = parse_email(text)
    problems = [
        f"the metadata has the field {key} {len(unparsed[key])} times; once is right"
        for key in _RELIED_ON
        if key in unparsed
    ]
    problems += _missing(fields, unparsed)
    problems += _wrong(fields)
    if problems:
        raise BadUpload(problems)
    return _metadata(fields)


def is_static(metadata: Metadata) -> bool:
    """Whether what an sdist says of its dependencies is what its build will say.

    It is from metadata 2.2 on, where it does not call them dynamic (PEP 643).
    """
    static = Version(metadata.metadata_version) >= STATIC_SINCE
    return static and not DEPENDENCIES.intersection(metadata.dynamic)


def claims(metadata: Metadata | None, named: Named, form: Mapping[str, list[str]]) -> list[str]:
    """Where filename, metadata and form of an upload contradict each other.

    `form` is the legacy upload API's. What is absent contradicts nothing. Its metadata_version
    is passed over: flit 4.2 always says 2.3 there, and 2.5 in the wheel.
    """
    said = {key: [v for v in values if v not in _ABSENT] for key, values in form.items()}
    problems = _identity("the form", said.get("name", []), said.get("version", []), named)
    problems += _kind(said, named)
    if metadata is not None:
        problems += _identity("the metadata", [metadata.name], [metadata.version], named)
        problems += [
            f"the metadata marks {field} as Dynamic, which PEP 643 forbids; remove it"
            for field in metadata.dynamic
            if field in _NEVER_DYNAMIC
        ]
        problems += _license(metadata.license_expression)
        problems += _contradictions(said, metadata)
    return problems


def form_problems(form: Mapping[str, list[str]]) -> list[str]:
    """What is wrong with the metadata that a form states for itself, without a file."""
    said = {key: values[0] for key, values in form.items() if values and values[0] not in _ABSENT}
    known = ("metadata_version", "name", "version", "requires_python")
    fields = cast("RawMetadata", {key: said[key] for key in known if key in said})
    return [
        *_missing(fields, {}),
        *_wrong(fields),
        *(
            f"the metadata's Requires-Dist {_brief(each)} cannot be read (PEP 508)"
            for each in form.get("requires_dist", [])
            if isinstance(_requirement(each), str)
        ),
    ]


def _license(expression: str | None) -> list[str]:
    if expression is None:
        return []
    try:
        canonicalize_license_expression(expression[:MAX_VALUE])
    except (InvalidLicenseExpression, RecursionError):
        shown = _brief(expression)
        return [f"the metadata's License-Expression {shown} is no SPDX expression (PEP 639)"]
    return []


def _bound(text: str) -> None:
    """Refuse what would keep the parser busy, or make it see a mail with attachments."""
    kinds: set[str] = set()
    for count, line in enumerate(_LINE.finditer(text)):
        field = _FIELD.match(line[1])
        if not field and not line[1].startswith((" ", "\t", "From ")):
            return
        if field:
            kinds.add(field[1])
        if field and field[1].lower() == "content-type":
            raise BadUpload(["the metadata has a Content-Type field; remove it"])
        if count > MAX_LINES or len(kinds) > MAX_KINDS:
            raise BadUpload(["the metadata has too many fields; move text to the description"])


def _missing(fields: RawMetadata, unparsed: Mapping[str, list[str]]) -> list[str]:
    return [
        f"the metadata has no field {key}; build the distribution again"
        for key in _RELIED_ON[:3]
        if key.replace("-", "_") not in fields and key not in unparsed
    ]


def _wrong(fields: RawMetadata) -> list[str]:
    problems = []
    if not _METADATA_VERSION.match(said := fields.get("metadata_version", "2.1")):
        problems.append(f"the metadata has version {_brief(said)}; 1.0 to 2.x can be read")
    if "name" in fields and not _same_name(fields["name"], None):
        problems.append(f"the metadata's name {_brief(fields['name'])} is not a project name")
    if "version" in fields and _version(fields["version"]) is None:
        problems.append(f"the metadata's version {_brief(fields['version'])} is not one (PEP 440)")
    if _specifiers(wanted := fields.get("requires_python", "")) is None:
        problems.append(f"the metadata's Requires-Python {_brief(wanted)} cannot be read (PEP 440)")
    return problems


def _metadata(fields: RawMetadata) -> Metadata:
    return Metadata(
        metadata_version=fields["metadata_version"],
        name=fields["name"].strip(),
        version=fields["version"].strip(),
        requires_python=fields.get("requires_python") or None,
        requires_dist=tuple(fields.get("requires_dist", ())),
        provides_extra=tuple(fields.get("provides_extra", ())),
        summary=_text(fields.get("summary")),
        description=_unfolded(_text(fields.get("description"))),
        description_content_type=fields.get("description_content_type"),
        author=_text(fields.get("author")),
        author_email=_text(fields.get("author_email")),
        maintainer=_text(fields.get("maintainer")),
        maintainer_email=_text(fields.get("maintainer_email")),
        license=_unfolded(_text(fields.get("license"))),
        license_expression=fields.get("license_expression"),
        license_files=tuple(fields.get("license_files", ())),
        home_page=_text(fields.get("home_page")),
        download_url=_text(fields.get("download_url")),
        project_urls=fields.get("project_urls", {}),
        classifiers=tuple(fields.get("classifiers", ())),
        keywords=tuple(word for word in fields.get("keywords", ()) if word not in _ABSENT),
        platforms=tuple(word for word in fields.get("platforms", ()) if word not in _ABSENT),
        dynamic=tuple(name.strip().lower() for name in fields.get("dynamic", ())),
    )


def _text(value: str | None) -> str:
    return "" if value is None or value.strip() in _ABSENT else value


def _unfolded(value: str) -> str:
    """Undo what setuptools and distutils do to a text of several lines in a field."""
    return _FOLDED.sub("\n", value) if value.count("\n") == len(_FOLDED.findall(value)) else value


def _identity(where: str, names: list[str], versions: list[str], named: Named) -> list[str]:
    return [
        *(
            _clash(where, "name", name, "the filename", named.project)
            for name in names
            if not _same_name(name, named)
        ),
        *(
            _clash(where, "version", version, "the filename", str(named.version))
            for version in versions
            if _version(version) != named.version
        ),
    ]


def _kind(said: Mapping[str, list[str]], named: Named) -> list[str]:
    is_source = named.filetype == "sdist"
    return [
        *(
            _clash("the form", "filetype", filetype, "the filename", named.filetype)
            for filetype in said.get("filetype", [])
            if filetype != named.filetype
        ),
        *(
            f"the form says that pyversion is {_brief(pyversion)}; 'source' is for sdists alone"
            for pyversion in said.get("pyversion", [])
            if (pyversion == "source") != is_source
        ),
    ]


def _contradictions(said: Mapping[str, list[str]], metadata: Metadata) -> list[str]:
    inside = _specifiers(metadata.requires_python or "")
    ours = metadata.requires_python or ""
    return [
        *(
            _clash("the form", "requires_python", given, "the metadata", ours)
            for given in said.get("requires_python", [])
            if _specifiers(given) != inside
        ),
        *_requirements(said.get("requires_dist", []), metadata.requires_dist),
    ]


def _clash(where: str, field: str, given: str, other: str, ours: str) -> str:
    return f"{where} says {field} {_brief(given)}, {other} says {_brief(ours)}; {_AGREE}"


def _requirements(said: list[str], inside: tuple[str, ...]) -> list[str]:
    """Compare as sets: order, spelling and repetition mean nothing."""
    if not said:
        return []
    ours = {_requirement(each): each for each in said}
    theirs = {_requirement(each): each for each in inside}
    return [
        *(
            f"the form has requires_dist {_brief(each)}, the metadata has not; {_AGREE}"
            for key, each in ours.items()
            if key not in theirs
        ),
        *(
            f"the metadata has Requires-Dist {_brief(each)}, the form has not; {_AGREE}"
            for key, each in theirs.items()
            if key not in ours
        ),
    ]


def _requirement(raw: str) -> object:
    """Equal for spellings of one requirement; what cannot be read is equal to itself."""
    if len(raw) > MAX_VALUE:
        return raw.strip()
    try:
        found = Requirement(raw)
    # Markers nest, and the parser follows them.
    except (InvalidRequirement, RecursionError):
        return raw.strip()
    extras = frozenset(canonicalize_name(extra) for extra in found.extras)
    name = canonicalize_name(found.name)
    return (name, extras, found.specifier, found.url, str(found.marker or ""))


def _same_name(raw: str, named: Named | None) -> bool:
    """Whether `raw` is a project name and, if a filename is given, the same one."""
    try:
        name = project_name(raw.strip())
    except BadName:
        return False
    return named is None or name == named.project


def _version(raw: str) -> Version | None:
    try:
        return Version(raw) if len(raw) <= MAX_VALUE else None
    except InvalidVersion:
        return None


def _specifiers(raw: str) -> SpecifierSet | None:
    try:
        return SpecifierSet(raw) if len(raw) <= MAX_VALUE else None
    except InvalidSpecifier:
        return None


def _brief(value: str) -> str:
    return repr(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…")
