"""What the management API takes and gives, as its OpenAPI describes it."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from cloche.core.marks import MAX_REASON
from cloche.core.model import Status

MAX_SERIAL = 2**63 - 1
MAX_ENTRIES = 1000


class Why(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: str = Field(
        default="", max_length=MAX_REASON, description="One line of printable text."
    )


class NewStatus(Why):
    status: Status


class Changed(BaseModel):
    files: list[str] = Field(description="The filenames that the change is about.")


class ProjectStatus(BaseModel):
    """PEP 792."""

    status: Status
    reason: str | None


class GivenFile(BaseModel):
    filename: str
    key: str = Field(description="Its sha256, where that is known.")


class BuiltWheel(BaseModel):
    """How a wheel was built here."""

    sdist: str
    sdist_sha256: str
    source: str = Field(description="The index that the sdist came from.")
    builder: str
    python: str
    platform: str
    began: datetime
    ended: datetime
    requires: list[GivenFile] = Field(description="Every file that the build was given.")


class ListedFile(BaseModel):
    filename: str
    source: str = Field(description="The index or upstream that it comes from.")
    version: str | None = Field(description="null where the filename does not tell.")
    size: int | None = Field(description="Bytes; null where the upstream does not say.")
    sha256: str | None
    upload_time: datetime | None
    yanked: bool
    yanked_reason: str | None
    built: BuiltWheel | None = Field(
        description="null but for what `cloche wheelhouse` put into this very index."
    )


class Project(BaseModel):
    """A project as the index shows it."""

    name: str
    hosted: bool = Field(
        description="Uploaded to this very index, some of it at least, which can be deleted here."
    )
    status: Status
    status_reason: str | None
    files: list[ListedFile]


class JournalEntry(BaseModel):
    serial: int
    at: datetime
    who: str
    action: str
    version: str | None
    filename: str | None
    detail: dict[str, Any]


class Journal(BaseModel):
    entries: list[JournalEntry]
    next: int | None = Field(
        description="The `since` of the next page; null when this is the last."
    )
