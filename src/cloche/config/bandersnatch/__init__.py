"""bandersnatch.conf, said as cloche.toml says it: its filters are rules here, of the same names."""

from collections.abc import Iterator
from dataclasses import dataclass

from cloche.config.bandersnatch import amounts, names, paths
from cloche.config.bandersnatch.conf import Conf, Table, conf
from cloche.config.bandersnatch.mirroring import upstream
from cloche.config.bandersnatch.paths import Filter
from cloche.config.bandersnatch.platforms import exclude_platform

ADVISORIES = "https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip"
"""Where PyPI itself has them from."""

FILTERS: dict[str, Filter] = {
    "allowlist_project": names.allowlist_project,
    "allowlist_release": names.allowlist_release,
    "blocklist_project": names.blocklist_project,
    "blocklist_release": names.blocklist_release,
    "exclude_platform": exclude_platform,
    "latest_release": amounts.latest_release,
    "prerelease_release": names.prerelease_release,
    "project_requirements": names.project_requirements,
    "project_requirements_pinned": names.project_requirements_pinned,
    "regex_project": names.regex_project,
    "regex_project_metadata": paths.regexes("regex_project_metadata", of_file=False),
    "regex_release": names.regex_release,
    "regex_release_file_metadata": paths.regexes("regex_release_file_metadata", of_file=True),
    "size_project_metadata": amounts.size_project_metadata,
    "version_range_project_metadata": paths.ranges_of_projects,
    "version_range_release_file_metadata": paths.ranges(paths.RANGES, of_file=True),
    "versions_count_project_metadata": amounts.versions_count,
}
"""Those that bandersnatch 8.2 brings along, by their names there."""

OF_RELEASES = frozenset(
    {
        "allowlist_release",
        "blocklist_release",
        "latest_release",
        "prerelease_release",
        "regex_release",
    }
)
"""Those that let a pinned project be."""


@dataclass(frozen=True, slots=True)
class Translation:
    """`tables` are those of a cloche.toml; `notes` say what is worth knowing of it."""

    tables: Table
    notes: list[str]


def translate(text: str, index: str) -> Translation:
    """Read the text of a bandersnatch.conf, and the requirements files that it names.

    Raise BadSetting when it is none.
    """
    read = conf(text)
    own: Table = {"sources": ["pypi"], "default": True}
    tables: Table = {"index": {index: own}}
    if mirrored := upstream(read):
        own["sources"] = ["mirrored"]
        tables["upstream"] = {"mirrored": mirrored}
    rules = [rule for name in _enabled(read) for rule in _rules(read, name)]
    if rules:
        own["rule"] = rules
    if any(rule.get("path", "").startswith("vulnerabilities") for rule in rules):
        tables["advisories"] = {"osv": {"address": ADVISORIES}}
    return Translation(tables, read.notes)


def _enabled(conf: Conf) -> list[str]:
    named = conf.enabled()
    if "all" in named:
        return list(FILTERS)
    for name in named:
        if name not in FILTERS:
            conf.note(f"[plugins] enables {name}, which is no filter known here")
    return [name for name in FILTERS if name in named]


def _rules(conf: Conf, name: str) -> Iterator[Table]:
    """What one filter comes to."""
    unpinned = names.pinned(conf) if name in OF_RELEASES else []
    for number, rule in enumerate(FILTERS[name](conf), 1):
        exempt = [*rule.pop("exempt", []), *unpinned]
        found = {"kind": rule.pop("kind"), "name": name if number == 1 else f"{name} {number}"}
        yield found | rule | ({"exempt": exempt} if exempt else {})
