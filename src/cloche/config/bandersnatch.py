"""bandersnatch.conf, said as cloche.toml says it: its filters are rules here, of the same names."""

import re
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from configparser import Error as BadIni
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from distlib.index import DEFAULT_INDEX
from packaging.requirements import InvalidRequirement, Requirement

from cloche.core.errors import BadName, BadSetting
from cloche.core.known import FIELDS
from cloche.core.places import Places
from cloche.core.pythons import python
from cloche.core.quantities import byte_count

Table = dict[str, Any]

MAX_BYTES = 4 << 20  # of the file, and of each requirements file that it names
OLD_WORDS = (("whitelist", "allowlist"), ("blacklist", "blocklist"), ("denylist", "blocklist"))
"""What bandersnatch called them before 5.0."""

UNSAID = {
    "directory": "the folder of the mirror; give cloche one of its own with --data",
    "release-files": "files come when they are first asked for",
    "json": "the JSON API is always there",
    "core-metadata": "metadata is always there",
    "simple-format": "pages come in each form that a client may ask for",
    "verifiers": "whatever is kept was verified before",
    "workers": "see connections of an upstream",
    "cleanup": "what no page offers is not served",
    "compare-method": "files are told by their sha256",
    "digest_name": "files are told by their sha256",
}
"""Options of [mirror] that nothing need be said for, and why."""


@dataclass(frozen=True, slots=True)
class Translation:
    """`tables` are those of a cloche.toml; `notes` say what has no counterpart there."""

    tables: Table
    notes: list[str]


def translate(text: str, index: str) -> Translation:
    """Read the text of a bandersnatch.conf, and the requirements files that it names.

    Raise BadSetting when it is none.
    """
    conf = _Conf(_parsed(text))
    own: Table = {"sources": ["pypi"], "default": True}
    tables: Table = {"index": {index: own}}
    upstream = _upstream(conf)
    if upstream:
        own["sources"] = ["mirrored"]
        tables["upstream"] = {"mirrored": upstream}
    rules = [rule for name in conf.enabled() for rule in _rules(conf, name)]
    if rules:
        own["rule"] = rules
    return Translation(tables, conf.notes)


def _parsed(text: str) -> ConfigParser:
    for old, new in OLD_WORDS:
        text = text.replace(old, new)
    # Keys are kept as they are: paths into metadata know capitals, and have colons.
    parser = ConfigParser(interpolation=None, delimiters=("=",), strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # the way that its documentation names
    try:
        parser.read_string(text)
    except BadIni as e:
        raise BadSetting(f"this is no bandersnatch.conf: {str(e).splitlines()[0]}") from None
    return parser


@dataclass
class _Conf:
    parser: ConfigParser
    notes: list[str] = field(default_factory=list)

    def get(self, section: str, key: str) -> str | None:
        value: str | None = self.parser.get(section, key, fallback=None)
        return value.strip() if value and value.strip() else None

    def lines(self, section: str, key: str) -> list[str]:
        """What stands there, a line each, without comments."""
        found = (
            line.partition("#")[0].strip() for line in (self.get(section, key) or "").split("\n")
        )
        return [line for line in found if line]

    def patterns(self, section: str, key: str) -> list[str]:
        """Regular expressions, which may hold anything; they begin where the text does."""
        found = (line.strip() for line in (self.get(section, key) or "").split("\n"))
        return [rf"\A(?:{line})" for line in found if line]

    def note(self, said: str) -> None:
        self.notes.append(said)

    def enabled(self) -> list[str]:
        names = (self.get("plugins", "enabled") or "").split()
        if "all" in names:
            return list(FILTERS)
        for name in names:
            if name not in FILTERS:
                self.note(f"[plugins] enables {name}, which is no filter known here")
        return [name for name in FILTERS if name in names]

    def pinned(self) -> list[str]:
        """Requirements with versions, of files that are named, if these are to be heeded."""
        enabled = (self.get("plugins", "enabled") or "").split()
        if not {"project_requirements_pinned", "all"}.intersection(enabled):
            return []
        return [each for each in _required(self) if _split(each)[1]]


Filter = Callable[[_Conf], Iterator[Table]]


def _rules(conf: _Conf, name: str) -> Iterator[Table]:
    """What one filter comes to. Those over releases let a pinned project be."""
    for number, rule in enumerate(FILTERS[name](conf), 1):
        exempt = [*rule.pop("exempt", []), *_unpinned(conf, name)]
        found = {"kind": rule.pop("kind"), "name": name if number == 1 else f"{name} {number}"}
        yield found | rule | ({"exempt": exempt} if exempt else {})


def _unpinned(conf: _Conf, name: str) -> list[str]:
    of_releases = name in {
        "blocklist_release",
        "latest_release",
        "prerelease_release",
        "regex_release",
    }
    return sorted({_split(each)[0] for each in conf.pinned()}) if of_releases else []


def _upstream(conf: _Conf) -> Table:
    """Where it mirrors from; nothing when that is PyPI, in the usual way."""
    known = {"master", "proxy", "timeout", "global-timeout", *UNSAID}
    for key in conf.parser["mirror"] if conf.parser.has_section("mirror") else ():
        if key not in known:
            conf.note(f"[mirror] {key} has no counterpart")
    if (conf.get("mirror", "release-files") or "").lower() in {"false", "no", "off", "0"}:
        conf.note(f"[mirror] release-files: {UNSAID['release-files']}")
    found: Table = {}
    master = (conf.get("mirror", "master") or "").rstrip("/")
    if master and urlsplit(master).hostname != urlsplit(DEFAULT_INDEX).hostname:
        found["url"] = f"{master}/simple/"
    if proxy := conf.get("mirror", "proxy"):
        found["proxy"] = proxy
    for key, ours in (("timeout", "read_timeout"), ("global-timeout", "file_timeout")):
        if (seconds := conf.get("mirror", key)) and seconds.isdecimal():
            found[ours] = int(seconds)
    return found


def _split(requirement: str) -> tuple[str, str]:
    """Name and specifiers. Raise BadSetting when it is no requirement."""
    try:
        found = Requirement(requirement)
    except InvalidRequirement:
        raise BadSetting(f"{requirement!r} is no requirement; correct it and try again") from None
    return found.name, str(found.specifier)


def _listed(conf: _Conf, section: str, *, versions: bool) -> list[str]:
    """The packages of a section: their names, or with versions those that have some."""
    pairs = [_split(line) for line in conf.lines(section, "packages")]
    return [f"{name}{said}" if versions else name for name, said in pairs]


def _allowlist_project(conf: _Conf) -> Iterator[Table]:
    if only := _listed(conf, "allowlist", versions=False):
        yield {"kind": "allow", "only": only}


def _allowlist_release(conf: _Conf) -> Iterator[Table]:
    if only := _listed(conf, "allowlist", versions=True):
        yield {"kind": "allow", "only": only}


def _blocklist_project(conf: _Conf) -> Iterator[Table]:
    pairs = [_split(line) for line in conf.lines("blocklist", "packages")]
    if what := [name for name, said in pairs if not said]:
        yield {"kind": "deny", "what": what}


def _blocklist_release(conf: _Conf) -> Iterator[Table]:
    pairs = [_split(line) for line in conf.lines("blocklist", "packages")]
    if what := [f"{name}{said}" for name, said in pairs if said]:
        yield {"kind": "deny", "what": what}


def _requirement_files(conf: _Conf) -> Iterator[Path]:
    folder = Path(conf.get("allowlist", "requirements_path") or "")
    for line in conf.lines("allowlist", "requirements"):
        yield from sorted(folder.glob(line)) if "*" in line else [folder / line]


def _required(conf: _Conf) -> list[str]:
    """What the requirements files name, as it is now."""
    found: list[str] = []
    for file in _requirement_files(conf):
        try:
            text = file.read_bytes()[:MAX_BYTES].decode(errors="replace")
        except OSError as e:
            raise BadSetting(
                f"{file} cannot be read ({e.strerror}); [allowlist] names it"
            ) from None
        lines = (line.partition("#")[0].strip() for line in text.splitlines())
        found += [line for line in lines if line and not line.startswith("-")]
    return found


def _project_requirements(conf: _Conf) -> Iterator[Table]:
    if names := sorted({_split(each)[0] for each in _required(conf)}):
        conf.note(
            "project_requirements: the files' names were read now; import again when they change"
        )
        yield {"kind": "allow", "only": names}


def _project_requirements_pinned(conf: _Conf) -> Iterator[Table]:
    pinned = [_split(each) for each in conf.pinned()]
    if pinned:
        conf.note(
            "project_requirements_pinned: the files were read now; import again when they change"
        )
        only = sorted(f"{name}{said}" for name, said in pinned)
        yield {"kind": "allow", "projects": sorted({name for name, _ in pinned}), "only": only}


def _regex_project(conf: _Conf) -> Iterator[Table]:
    if patterns := conf.patterns("filter_regex", "packages"):
        yield {"kind": "pattern", "project": patterns}


def _regex_release(conf: _Conf) -> Iterator[Table]:
    if patterns := conf.patterns("filter_regex", "releases"):
        yield {"kind": "pattern", "version": patterns}


def _prerelease_release(conf: _Conf) -> Iterator[Table]:
    projects = conf.lines("filter_prerelease", "packages")
    yield {"kind": "prerelease"} | ({"projects": projects} if projects else {})


def _latest_release(conf: _Conf) -> Iterator[Table]:
    keep = conf.get("latest_release", "keep") or "0"
    if keep.isdecimal() and int(keep):
        by_time = conf.get("latest_release", "sort_by") == "time"
        yield {"kind": "newest", "count": int(keep)} | ({"by": "upload-time"} if by_time else {})


def _size_project_metadata(conf: _Conf) -> Iterator[Table]:
    said = conf.get("size_project_metadata", "max_package_size")
    if said is None:
        return
    # Its K, M and G are of 1024.
    most = re.sub(r"([KMGT])(?!i)B?$", r"\1iB", said, flags=re.IGNORECASE)
    try:
        byte_count(most)
    except BadName as e:
        conf.note(f"[size_project_metadata] max_package_size: {e}")
        return
    exempt = _listed(conf, "allowlist", versions=False)
    yield {"kind": "project_size", "max": most} | ({"exempt": exempt} if exempt else {})


def _versions_count(conf: _Conf) -> Iterator[Table]:
    section = "versions_count_project_metadata"
    said = {"min": conf.get(section, "min_versions"), "max": conf.get(section, "max_versions")}
    bounds = {key: int(n) for key, n in said.items() if n and n.isdecimal() and int(n)}
    if bounds:
        yield {"kind": "versions"} | bounds


def _version_range(conf: _Conf) -> Iterator[Table]:
    section = "version_range_release_file_metadata"
    for key in conf.parser[section] if conf.parser.has_section(section) else ():
        *tags, path = key.split(":")
        versions = [each for each in conf.lines(section, key) if _is_python(each)]
        if path.strip() != "release_file.requires_python" or not versions:
            conf.note(
                f"[{section}] {key}: only versions of Python, such as 3.12, have a counterpart"
            )
            continue
        unstated = {"unstated": "none"} if "not-null" in tags else {}
        yield {"kind": "python", "versions": versions} | unstated


def _is_python(raw: str) -> bool:
    try:
        python(raw)
    except BadName:
        return False
    return True


def _exclude_platform(conf: _Conf) -> Iterator[Table]:
    words = [_place(word.lower()) for word in (conf.get("blocklist", "platforms") or "").split()]
    known = [word for word in words if _is_place(word)]
    for word in words:
        if word not in known:
            conf.note(f"[blocklist] platforms: {word} is no platform that wheels can be for")
    if known:
        yield {"kind": "platforms", "no": known}
        kinds = {"windows": ("wininst", "msi"), "linux": ("rpm",)}
        if no := [kind for word in known for kind in kinds.get(word, ())]:
            yield {"kind": "kinds", "no": no}


def _place(word: str) -> str:
    """A platform as wheels name it."""
    said = {"win": "windows", "macosx": "macos"}.get(word, word)
    return said.lstrip(".-").replace("-", "_")


def _is_place(word: str) -> bool:
    try:
        Places([word])
    except BadName:
        return False
    return True


def _metadata(section: str) -> Filter:
    """A filter of regular expressions over metadata: one rule for each path."""

    def rules(conf: _Conf) -> Iterator[Table]:
        for key in conf.parser[section] if conf.parser.has_section(section) else ():
            *tags, path = (each.strip() for each in key.split(":"))
            patterns, said = conf.patterns(section, key), _field(path)
            if said is None:
                conf.note(f"[{section}] {key}: {path} has no counterpart")
            elif patterns:
                yield {"kind": "metadata", "field": said} | _asks(tags, patterns)

    return rules


def _field(path: str) -> str | None:
    """What a path into PyPI's JSON is called by rules of the kind `metadata`."""
    where, _, name = path.partition(".")
    if where == "info":
        name = _INFO.get(name, name.replace("_", "-"))
        return name if name in FIELDS else None
    return _RELEASE_FILE.get(name) if where == "release_file" else None


def _asks(tags: list[str], patterns: list[str]) -> Table:
    """The last tag of a sort counts. What a file lacks fits, but where nothing may match."""
    how = next((tag for tag in reversed(tags) if tag in {"any", "all", "none"}), "any")
    null = next((tag for tag in reversed(tags) if tag in {"match-null", "not-null"}), "match-null")
    lenient = null == "match-null" and how != "none"
    return {how: patterns} | ({"missing": "allow"} if lenient else {})


_INFO = {"classifiers": "classifier", "project_urls": "project-url"}
_RELEASE_FILE = {
    "digests.sha256": "sha256",
    "filename": "filename",
    "packagetype": "packagetype",
    "python_version": "python-tag",
    "requires_python": "requires-python",
    "size": "size",
    "upload_time_iso_8601": "upload-time",
    "yanked_reason": "yanked",
}

FILTERS: dict[str, Filter] = {
    "allowlist_project": _allowlist_project,
    "allowlist_release": _allowlist_release,
    "blocklist_project": _blocklist_project,
    "blocklist_release": _blocklist_release,
    "exclude_platform": _exclude_platform,
    "latest_release": _latest_release,
    "prerelease_release": _prerelease_release,
    "project_requirements": _project_requirements,
    "project_requirements_pinned": _project_requirements_pinned,
    "regex_project": _regex_project,
    "regex_project_metadata": _metadata("regex_project_metadata"),
    "regex_release": _regex_release,
    "regex_release_file_metadata": _metadata("regex_release_file_metadata"),
    "size_project_metadata": _size_project_metadata,
    "version_range_release_file_metadata": _version_range,
    "versions_count_project_metadata": _versions_count,
}
"""Those that bandersnatch 8.2 brings along, by their names there."""
