"""What is known of files beyond what their page says."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct

from cloche.core.advisories import Advisory
from cloche.core.metadata import Metadata

Need = Literal["advisories", "metadata", "provenance", "info", "description"]
"""What a rule may have to know: what is known against versions of the project; core metadata; who
signed attestations (PEP 740); core metadata of the release alone that PyPI's JSON tells of, and its
description."""

Facts = Mapping[str, tuple[str, ...]]
"""Fields of metadata by their names in lower case. Of provenance: `signer`."""

SIGNER = "signer"

MAX_VALUE = 2_000  # characters: a whole licence in `License` says no more than its beginning
MAX_VALUES = 500
MAX_WHOLE = 20_000  # characters of a value, where one release tells for its project
MAX_MANY = 2_000  # values there
MAX_DESCRIPTION = 100_000  # characters

_PLURALS = {
    "classifier": "classifiers",
    "license-file": "license_files",
    "platform": "platforms",
}
FIELDS = (
    "metadata-version", "name", "version", "requires-python", "requires-dist", "provides-extra",
    "summary", "description-content-type", "author", "author-email", "maintainer",
    "maintainer-email", "license", "license-expression", "license-file", "home-page",
    "download-url", "project-url", "classifier", "keywords", "platform", "dynamic",
)  # fmt: skip
"""The fields that are kept: all but the description."""

DESCRIPTION = "description"
_MANY = frozenset(
    {
        "classifier",
        "dynamic",
        "keywords",
        "license-file",
        "platform",
        "provides-extra",
        "requires-dist",
    }
)


class Lack(Struct, frozen=True):
    """Why something is not known; `again` is when looking once more may help."""

    reason: str
    again: datetime | None = None  # None: as long as the file is what it is


class Known(Struct, frozen=True):
    """What is known of the files of an offer."""

    facts: Mapping[Need, Mapping[str, Facts | Lack]] = {}  # by filename
    until: datetime | None = None  # when more of it may be known
    advisories: tuple[Advisory, ...] | None = None  # against the project; None: not known yet

    def of(self, need: Need, filename: str) -> Facts | Lack:
        found = self.facts.get(need, {}).get(filename)
        return Lack(f"nobody has looked at its {need}") if found is None else found


NOTHING = Known()


def fields(metadata: Metadata) -> Facts:
    """The fields that say anything, cut to a bound."""
    return _fields(metadata, MAX_VALUE, MAX_VALUES)


def whole(metadata: Metadata) -> Facts:
    """The same of the one release that tells for its project, cut to a wider bound."""
    return _fields(metadata, MAX_WHOLE, MAX_MANY)


def description(metadata: Metadata) -> Facts:
    said = metadata.description[:MAX_DESCRIPTION]
    return {DESCRIPTION: (said,)} if said else {}


def metadata(facts: Facts) -> Metadata:
    """What `whole` and `description` kept of it."""
    said: dict[str, Any] = {"metadata_version": "", "name": "", "version": ""}
    for name, values in facts.items():
        if name == "project-url":
            said["project_urls"] = dict(_link(each) for each in values)
        else:
            said[_attribute(name)] = values if name in _MANY else next(iter(values), "")
    return msgspec.convert(said, Metadata)


def _link(said: str) -> tuple[str, str]:
    label, _, url = said.partition(", ")
    return label, url


def _fields(metadata: Metadata, longest: int, most: int) -> Facts:
    said = ((name, _values(metadata, name, longest, most)) for name in FIELDS)
    return {name: values for name, values in said if values}


def _values(metadata: Metadata, name: str, longest: int, most: int) -> tuple[str, ...]:
    if name == "project-url":
        found = [f"{label}, {url}" for label, url in metadata.project_urls.items()]
    else:
        said = getattr(metadata, _attribute(name))
        found = [said] if isinstance(said, str) else list(said or ())
    return tuple(each[:longest] for each in found[:most] if each)


def _attribute(name: str) -> str:
    return _PLURALS.get(name, name.replace("-", "_"))
