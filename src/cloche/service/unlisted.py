"""A kept file that no page lists any more: what was served once can be served again."""

from collections.abc import Iterable, Sequence

from cloche.core.errors import NoSuchFile
from cloche.core.model import BESIDE, Artifact, File, FileKey, Held, ProjectName, Status
from cloche.core.policy import Candidate, Effect, Offer, judge, settled
from cloche.service.sight import denied, quarantined
from cloche.service.view import View


async def unlisted(
    view: View, index: str, project: ProjectName, key: FileKey, filename: str
) -> Artifact:
    """A file that its upstream listed once, and that is kept: a lock file may still name it.

    Raise NoSuchFile when there is none such, or another source that comes first now owns
    the name; Forbidden when an index on the way to it holds the project in quarantine.
    """
    _, found = await _kept(view, (index,), project, key, filename)
    if found is None:
        raise NoSuchFile(f"index {index} has no such file {filename} of {project}")
    above, held = found
    await _check_released(view, above, project)
    await view.upstreams[held.upstream].check_kept(held)
    await _check_judged(view, above, held)
    return _gone(held)


async def _kept(
    view: View, way: tuple[str, ...], project: ProjectName, key: FileKey, filename: str
) -> tuple[bool, tuple[tuple[str, ...], Held] | None]:
    """Whether the end of the way answers for the project; the file, and all above it."""
    *above, place = way
    if place in view.upstreams:
        held = await view.pages.held(place, key, filename)
        if held is not None and held.project == project:
            return True, (tuple(above), held)
        return await _owns(view, place, project), None
    owned, merges = await _owns(view, place, project), view.index(place).merges(project)
    for source in view.ways(place).sources(project):
        if owned and not merges:
            break
        here, found = await _kept(view, (*way, source), project, key, filename)
        if found is not None:
            return True, found
        owned = owned or here
    return owned, None


async def _owns(view: View, source: str, project: ProjectName) -> bool:
    """Whether the source answers for the project, as far as is known here."""
    if source in view.upstreams:
        return await view.pages.recall(source, project) is not None
    return (await view.ledger.own(source, project)).uploads is not None


async def _check_released(view: View, indexes: Iterable[str], project: ProjectName) -> None:
    """Raise Forbidden when the first of them that gives the project a status holds it back."""
    for index in indexes:
        marks = (await view.ledger.own(index, project)).marks
        if marks.status is Status.QUARANTINED:
            raise quarantined(index, project, marks.reason)
        if marks.status is not None:
            return


async def _check_judged(view: View, indexes: Sequence[str], held: Held) -> None:
    """Raise Denied when a rule on the way would not have the file if it were listed still."""
    if not any(view.index(index).clauses for index in indexes):
        return
    file = await _as_listed(view, held)
    listed = await view.upstreams[held.upstream].known(held.project)
    others = [each for each in listed.files if each.filename != file.filename] if listed else []
    candidates = [Candidate(each, held.upstream, hosted=False) for each in (*others, file)]
    for index in reversed(indexes):
        clauses = view.index(index).clauses
        versions = listed.versions if listed else ()
        offer = Offer(index, held.project, candidates, listed=versions)
        offer = await view.informed(offer, clauses)
        admitted = (await view.ledger.own(index, held.project)).admissions
        rulings = judge(offer, clauses, view.clock(), admitted).rulings
        ruling = settled(rulings.get(file.filename, ()))
        if ruling is not None and ruling.effect is Effect.DENY:
            raise denied(index, held.filename, ruling)


async def _as_listed(view: View, held: Held) -> File:
    """The file, or that beside which it lies, as a page would have it that knows no more."""
    name = next((held.filename[: -len(e)] for e in BESIDE if held.filename.endswith(e)), None)
    whole = held if name is None else await view.pages.held(held.upstream, held.key, name)
    return File(
        filename=name or held.filename,
        hashes={"sha256": whole.digest} if whole else {},
        size=whole.size if whole else None,
        upload_time=held.at,  # it is no younger than that
        first_seen=held.at,
        listed_key=held.key,
    )


def _gone(held: Held) -> Artifact:
    """What is kept of a file that has no address any more."""
    return Artifact(
        upstream=held.upstream,
        project=held.project,
        filename=held.filename,
        url="",
        key=held.key,
        hashes={"sha256": held.digest},
        size=held.size,
    )
