"""A run of a mirror that finds nothing new, without what would bring anything.

It is the run of every few minutes. Importing what brings projects takes five times as long as it.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from cloche.catalog.resting import Rest, Resting
from cloche.config import Settings
from cloche.core.index import Ways
from cloche.core.plan import Plan
from cloche.upstreams._unchanged import is_unchanged


def _utc_now() -> datetime:
    return datetime.now(UTC)


def rested(settings: Settings, plan: Plan, clock: Callable[[], datetime] = _utc_now) -> Rest | None:
    """Ask the upstream whether its list is as it was, where nothing else is to be done.

    One request. What is found is recorded, as a run would. None: a run is to find out.
    """
    if not _is_usual(settings, plan):
        return None
    ways = (Ways(settings.indexes, index) for index in plan.indexes)
    places = {place for each in ways for place in each.places} & settings.indexes.keys()
    resting, start = Resting(settings.data.absolute() / "cloche.db"), clock()
    rest = resting.find(plan.upstream, places, start)
    if rest is None or rest.mirroring.policy != plan.policy:
        return None
    etag = rest.mirroring.etag
    if etag is None or not etag.endswith('"'):  # the serial of a list without an ETag
        return None
    if not is_unchanged(plan.upstream, settings.upstreams[plan.upstream].own, etag):
        return None
    return resting.note(plan.upstream, places, rest, start, clock())


def _is_usual(settings: Settings, plan: Plan) -> bool:
    """Whether there is no more to it than a remote index and an embedded database."""
    return (
        settings.upstreams[plan.upstream].kind == "simple"
        and settings.store.database is None
        and not any(index.follows for index in settings.indexes.values())
        and not (plan.full or plan.dry or plan.environments)
    )
