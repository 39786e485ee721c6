"""PyPI's JSON of what a source offers, for rules: made as far as a path into it is asked for.

`info.classifiers`, `release_file.size`: keys, with dots between. A project's `info` is that of its
current release, as PyPI has it, whichever file is asked about.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec
from msgspec import Struct

from cloche.core.conversion import nearest
from cloche.core.errors import BadName
from cloche.core.known import Facts, Lack, Need, metadata
from cloche.core.metadata import Metadata
from cloche.core.model import Page, ProjectName
from cloche.core.policy import Candidate, Offer
from cloche.core.pypi_json import FILE_FIELDS, PARTS, Account, info, part
from cloche.core.releases import NO_RELEASE, Release, by_preference

RELEASE, RELEASE_FILE = OF_FILE = ("release", "release_file")
"""What is said of one file: its version, and itself."""

NOT_LOADED = Lack("what is known to be vulnerable has not been loaded yet")
NO_SERIAL = Lack("nobody has told it")
NO_METADATA = Lack("it offers no metadata")

_NOBODY = Account(page=Page(name=ProjectName("")), releases=[], serial=0, address="", packages="")
_INFO = frozenset(info(_NOBODY, NO_RELEASE, None))
_ADDRESSES = frozenset({"package_url", "project_url", "release_url"})
_OF_PAGE = _ADDRESSES | {
    "bugtrack_url",
    "docs_url",
    "downloads",
    "version",
    "yanked",
    "yanked_reason",
}
"""What of `info` needs no metadata."""

_MEMBERS: Mapping[str, Iterable[str]] = {
    "": (*PARTS, *OF_FILE),
    "info": _INFO,
    RELEASE_FILE: FILE_FIELDS,
}
_OPEN = frozenset(
    {
        "info.downloads",
        "info.project_urls",
        "ownership",
        "release_file.core-metadata",
        "release_file.digests",
        "releases",
    }
)
"""Objects, whose keys anybody may choose or may be more tomorrow."""


class Path(Struct, frozen=True):
    """A way into the document."""

    keys: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(self.keys)

    @property
    def of_file(self) -> bool:
        """Whether it may lead elsewhere for each file."""
        return self.keys[0] in OF_FILE

    @property
    def needs(self) -> frozenset[Need]:
        """What must be known to follow it."""
        if self.keys[0] == "vulnerabilities":
            return frozenset({"advisories"})
        if self.keys[0] != "info" or (self.keys[1:2] and self.keys[1] in _OF_PAGE):
            return frozenset()
        return frozenset(
            {"info", "description"} if self.keys[1:2] == ("description",) else {"info"}
        )


def path(said: str) -> Path:
    """Raise BadName when no document has anything there."""
    keys = tuple(said.split("."))
    for depth, key in enumerate(keys):
        above = ".".join(keys[:depth])
        known = sorted(_MEMBERS.get(above, ()))
        if above in _OPEN:
            break
        if key not in known:
            near = nearest(said, [f"{above}.{each}".lstrip(".") for each in known])
            raise BadName(f"path is {said!r}, and PyPI's JSON has nothing there{near}")
    return Path(keys)


def current(offer: Offer) -> Sequence[Candidate]:
    """The files of the release that an installer would take, and PyPI's JSON tells of."""
    first = next(iter(_by_preference(offer)), NO_RELEASE)
    return offer.versions.get(first.version, ()) if first.version else ()


def _by_preference(offer: Offer) -> list[Release]:
    return by_preference(
        [
            Release(version, tuple(each.file for each in candidates))
            for version, candidates in offer.versions.items()
        ]
    )


@dataclass(frozen=True)
class Document:
    """What stands at `path`. `root` is where PyPI has its pages for people."""

    offer: Offer
    path: Path
    root: str

    def of_project(self) -> tuple[str, ...] | Lack:
        """Where the path leads for all files alike."""
        head, *keys = self.path.keys
        return self._lack() or words(_at(self._part(head), keys))

    def of(self, candidate: Candidate) -> tuple[str, ...]:
        """Where it leads for one."""
        head, *keys = self.path.keys
        if head == RELEASE:
            return words(candidate.version and str(candidate.version))
        if not keys:
            return tuple(sorted(FILE_FIELDS))
        return words(_at(FILE_FIELDS[keys[0]](candidate.file), keys[1:]))

    def _part(self, name: str) -> object:
        if name == "info":
            address = f"{self._account.address}{self._release.version}/"
            return info(self._account, self._release, self._metadata) | {"release_url": address}
        if self.path.keys == ("releases",):
            return dict.fromkeys(versions(self.offer))
        return part(name, self._account, self._release, None)

    def _lack(self) -> Lack | None:
        """Why it cannot be told yet. What no metadata will ever tell is null."""
        needs = self.path.needs
        if "advisories" in needs:
            return NOT_LOADED if self.offer.known.advisories is None else None
        if self.path.keys[0] == "last_serial":
            return NO_SERIAL if self.offer.serial is None else None
        told = map(self._told, sorted(needs))
        return next((each for each in told if isinstance(each, Lack) and each.again), None)

    def _told(self, need: Need) -> Facts | Lack:
        """What the current release's metadata tells, by any of its files."""
        found = [self.offer.known.of(need, each.file.filename) for each in self._current]
        told = (each for each in found if not isinstance(each, Lack))
        return next(told, next(iter(found), NO_METADATA))

    @cached_property
    def _metadata(self) -> Metadata | None:
        found: dict[str, tuple[str, ...]] = {}
        for need in sorted(self.path.needs):
            said = self._told(need)
            found |= {} if isinstance(said, Lack) else said
        return metadata(found) if found else None

    @cached_property
    def _current(self) -> Sequence[Candidate]:
        return current(self.offer)

    @cached_property
    def _release(self) -> Release:
        return next(iter(self._account.releases), NO_RELEASE)

    @cached_property
    def _account(self) -> Account:
        return Account(
            page=Page(name=self.offer.project, versions=tuple(self.offer.listed)),
            releases=_by_preference(self.offer),
            serial=self.offer.serial or 0,
            address=f"{self.root}{self.offer.project}/",
            packages="",
            advisories=self.offer.known.advisories or (),
        )


def versions(offer: Offer) -> list[str]:
    """All that the project has, those without files too."""
    found = (str(each) for each in offer.versions if each is not None)
    return list(dict.fromkeys([*found, *offer.listed]))


def _at(node: object, keys: Iterable[str]) -> object:
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


def words(node: object) -> tuple[str, ...]:
    """What patterns are held against. Null is none; of a list each element; of an object each key.

    A text stands for itself, and beside its key: `Home, https://…`. A file is its name, and an
    advisory its names. A number or truth value is as JSON writes it.
    """
    if node is None:
        return ()
    if isinstance(node, str):
        return (node,)
    if isinstance(node, Mapping):
        return _members(node)
    if isinstance(node, list | tuple):
        return tuple(word for each in node for word in words(each))
    return (msgspec.json.encode(node).decode(),)


def _members(node: Mapping[str, object]) -> tuple[str, ...]:
    if "filename" in node:
        return words(node["filename"])
    if "aliases" in node:
        return (*words(node["id"]), *words(node["aliases"]))
    return tuple(f"{key}, {said}" if isinstance(said, str) else key for key, said in node.items())
