"""What is known of files beyond what their page says."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct

from cloche.core.advisories import Advisory
from cloche.core.metadata import Metadata

Need = Literal["advisories", "metadata", "provenance"]
"""What a rule may have to know: what is known against versions of the project; core metadata; who
signed attestations (PEP 740)."""

Facts = Mapping[str, tuple[str, ...]]
"""Of metadata: its fields by their names in lower case. Of provenance: `signer`."""

SIGNER = "signer"

MAX_VALUE = 2_000  # characters: a whole licence in `License` says no more than its beginning
MAX_VALUES = 500

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
    said = ((name, _values(metadata, name)) for name in FIELDS)
    return {name: values for name, values in said if values}


def _values(metadata: Metadata, name: str) -> tuple[str, ...]:
    if name == "project-url":
        found = [f"{label}, {url}" for label, url in metadata.project_urls.items()]
    else:
        said = getattr(metadata, _PLURALS.get(name, name.replace("-", "_")))
        found = [said] if isinstance(said, str) else list(said or ())
    return tuple(each[:MAX_VALUE] for each in found[:MAX_VALUES] if each)
