"""A project as an index shows it: what is listed, what is withheld and why, whose each file is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from msgspec import structs
from packaging.version import Version

from cloche.core.errors import Denied, Forbidden
from cloche.core.filenames import known_version
from cloche.core.marks import yanked
from cloche.core.model import Artifact, File, Page, ProjectName, Upload
from cloche.core.policy import (
    FOREVER,
    Admission,
    Candidate,
    Clause,
    Effect,
    Offer,
    Ruling,
    Rulings,
    joined,
    judge,
    settled,
    withheld_by,
)
from cloche.core.wire import QUARANTINED, versions_of


class Origin(NamedTuple):
    """The index or upstream that a file comes from."""

    owner: str
    hosted: bool


@dataclass(frozen=True, slots=True)
class Sight:
    """A project as an index shows it. `owner` is the index or upstream that answers for it.

    Of a merged project that is the first of its owners; `origins` has the owners of the files
    that are not its.
    """

    page: Page  # what is listed
    owner: str
    hosted: bool  # all of it was uploaded here, as opposed to an upstream's
    until: datetime  # when to look again, if nothing is journaled before
    serials: Mapping[str, int]  # of each owner: the entry by which its page became what it is
    told: int = 0  # of the newest entry that changed it: an owner's, or a mark's on the way to it
    uploads: tuple[Upload, ...] = ()  # what the ledger knows of the page's files
    # What rules keep off the page, by filename.
    withheld: Mapping[str, File] = field(default_factory=dict)
    # Of all files that any rule objects to, lifted ones too.
    rulings: Rulings = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)
    ruled_until: datetime = FOREVER  # when the same rules may say something else of the same files

    def origin(self, filename: str) -> Origin:
        """Where a file of the page comes from."""
        return self.origins.get(filename) or Origin(self.owner, hosted=self.hosted)

    @property
    def owners(self) -> Mapping[str, bool]:
        """The indexes and upstreams that files come from; whether these were uploaded there."""
        return dict(self.origins.values()) or {self.owner: self.hosted}

    @property
    def offered(self) -> Page:
        """The page without the rules: all that the sources offer."""
        if not self.withheld:
            return self.page
        return structs.replace(self.page, files=(*self.page.files, *self.withheld.values()))

    def check_withheld(self, index: str, filename: str) -> None:
        """Raise Denied unless whoever knows the file's address may have it."""
        ruling = settled(self.rulings.get(filename, ()))
        if ruling is not None and ruling.effect is Effect.DENY:
            raise denied(index, filename, ruling)

    def check_shown(self, index: str) -> None:
        """Raise Denied when there are files, and rules withhold all of them."""
        if self.withheld and not self.page.files:
            rulings = [settled(self.rulings[name]) for name in self.withheld]
            soonest = min(
                (each for each in rulings if each is not None),
                key=lambda each: each.until or FOREVER,
            )
            raise denied(index, f"every file of {self.page.name}", soonest)


def merged(sights: Sequence[Sight]) -> Sight:
    """Several owners' pages as one: of files of one name, the first owner's counts.

    An owner that holds the project in quarantine adds no file.
    """
    first, *rest = sights
    if not rest:
        return first
    offering = [first, *(sight for sight in rest if sight.page.status != QUARANTINED)]
    files: dict[str, File] = {}
    withheld: dict[str, File] = {}
    origins: dict[str, Origin] = {}
    rulings: dict[str, tuple[Ruling, ...]] = {}
    for sight in offering:
        for file in sight.offered.files:
            name = file.filename
            if name not in origins:
                origins[name] = sight.origin(name)
                (withheld if name in sight.withheld else files)[name] = file
                if name in sight.rulings:
                    rulings[name] = sight.rulings[name]
    versions = dict.fromkeys(each for sight in offering for each in versions_of(sight.page))
    return replace(
        first,
        page=structs.replace(first.page, files=tuple(files.values()), versions=tuple(versions)),
        hosted=all(sight.hosted for sight in sights),
        until=min(sight.until for sight in sights),
        ruled_until=min(sight.ruled_until for sight in sights),
        serials={place: serial for sight in sights for place, serial in sight.serials.items()},
        told=max(sight.told for sight in sights),
        uploads=tuple(upload for sight in offering for upload in sight.uploads),
        withheld=withheld,
        rulings=rulings,
        origins=origins,
    )


def candidates(offered: Page, sight: Sight) -> list[Candidate]:
    owner, hosted = sight.owner, sight.hosted
    if not sight.origins:
        return [Candidate(file, owner, hosted=hosted) for file in offered.files]
    origins = ((file, sight.origin(file.filename)) for file in offered.files)
    return [Candidate(file, owner, hosted=hosted) for file, (owner, hosted) in origins]


def ruled(
    sight: Sight,
    offered: Page,
    offer: Offer,
    clauses: Sequence[Clause],
    now: datetime,
    admissions: Sequence[Admission],
) -> Sight:
    found = judge(offer, clauses, now, admissions)
    rulings = joined(sight.rulings, found.rulings)
    ruled_until = min(sight.ruled_until, found.until)
    return replace(
        _sifted(sight, offered, offer.candidates, rulings),
        rulings=rulings,
        ruled_until=ruled_until,
        until=min(sight.until, ruled_until),
    )


def _sifted(
    sight: Sight, offered: Page, candidates: Sequence[Candidate], rulings: Rulings
) -> Sight:
    """What is offered, parted in two: what no rule objects to, and the rest."""
    out = {name for name, each in rulings.items() if withheld_by(each)}
    if not out:
        return replace(sight, page=offered, withheld={})
    listed = [each for each in candidates if each.file.filename not in out]
    withheld = [each for each in candidates if each.file.filename in out]
    gone = _versions(withheld) - _versions(listed) - {None}
    page = structs.replace(
        offered,
        files=tuple(each.file for each in listed),
        versions=tuple(each for each in offered.versions if known_version(each) not in gone),
    )
    return replace(sight, page=page, withheld=by_name(each.file for each in withheld))


def _versions(candidates: Iterable[Candidate]) -> set[Version | None]:
    return {each.version for each in candidates}


def by_name(files: Iterable[File]) -> dict[str, File]:
    return {file.filename: file for file in files}


def denied(index: str, what: str, ruling: Ruling) -> Denied:
    """Why it is not to be had, and how long (DESIGN, promise 6)."""
    until = f", until {ruling.until:%Y-%m-%d %H:%M:%S} UTC" if ruling.until else ""
    return Denied(
        f"{what} is withheld in index {ruling.index} by its rule {ruling.rule}: "
        f"{ruling.reason}{until}; choose another version, or ask whoever manages the index",
        {
            "index": index,
            "by": ruling.index,
            "rule": ruling.rule,
            "kind": ruling.kind,
            "reason": ruling.reason,
            "clock": ruling.clock,
            "until": ruling.until,
        },
    )


def quarantined(index: str, project: ProjectName, reason: str | None) -> Forbidden:
    """Why a file is not served (PEP 792)."""
    why = f" ({reason})" if reason else ""
    return Forbidden(
        f"{project} is quarantined{why}, so its files are not served; whoever manages index "
        f"{index} can end that with `cloche status {project} active --index {index}`"
    )


def hosted_page(project: ProjectName, uploads: Iterable[Upload]) -> Page:
    """The page of a project that was uploaded here."""
    held = tuple(uploads)
    # PEP 503: who states signatures should do so on every link.
    states = any(upload.signature for upload in held)
    return Page(name=project, files=tuple(_hosted_file(each, states=states) for each in held))


def _hosted_file(upload: Upload, *, states: bool) -> File:
    return File(
        filename=upload.filename,
        hashes={"sha256": upload.digest},
        size=upload.size,
        upload_time=upload.uploaded_at,
        requires_python=upload.requires_python,
        core_metadata={"sha256": upload.metadata} if upload.metadata else False,
        yanked=yanked(upload.yanked_reason, upload.yanked),
        gpg_sig=upload.signature is not None if states else None,
        provenance=upload.provenance,
    )


def artifact_of(upstream: str, project: ProjectName, file: File) -> Artifact:
    """What to fetch for a file that an upstream's page lists."""
    return Artifact(
        upstream=upstream,
        project=project,
        filename=file.filename,
        url=file.url,
        key=file.key,
        hashes=file.hashes,
        size=file.size,
    )
