"""`[index.NAME]`: tables made into indexes, and what only all of them together can show."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct
from msgspec.structs import replace

from cloche.config.rules import clauses
from cloche.core.access import ReadPolicy
from cloche.core.conversion import convert, nearest
from cloche.core.errors import BadName, BadSetting
from cloche.core.index import Fallthrough, Index, Route, Ways, behind
from cloche.core.patterns import Names, names
from cloche.core.publishers import Publisher, publisher
from cloche.core.retention import Retention

RESERVED = frozenset(
    {
        "simple", "legacy", "pypi", "packages", "local", "rss", "integrity", "requirements.txt",
        "uploadpackage", "RPC2", "-", "+simple", "project", "as-of",
    }
)  # fmt: skip
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}(/[a-z0-9][a-z0-9._-]{0,62})?\Z")


class RouteTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[index.NAME.route]]`."""

    projects: tuple[str, ...]
    sources: tuple[str, ...] = ()


class IndexTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[index.NAME]`."""

    sources: tuple[str, ...] = ()
    uploads: bool = False
    read: ReadPolicy | None = None
    default: bool = False
    publishers: tuple[str, ...] = ()  # who must have signed attestations
    follow: str | None = None  # an upstream of kind "cloche": what that index has, this has
    merge: tuple[str, ...] = ()  # projects of which all owners answer
    fallthrough: Fallthrough = "cache"
    route: tuple[RouteTable, ...] = ()
    rule: tuple[dict[str, Any], ...] = ()
    retention: Retention | None = None
    admit_days: Annotated[float, Meta(ge=0, le=3650)] = 30  # past its rules at the longest

    @property
    def every_source(self) -> tuple[str, ...]:
        return (*self.sources, *(source for route in self.route for source in route.sources))


@dataclass(frozen=True, slots=True)
class At:
    """Where settings stand."""

    where: str  # for messages
    folder: Path  # what relative paths in them are relative to
    is_local: bool  # only this machine can connect


def read(name: str, table: Any, where: str) -> IndexTable:
    """Raise BadSetting."""
    found: IndexTable = convert(table, IndexTable, f"index.{name}", where)
    return found


def build(
    tables: Mapping[str, IndexTable], upstreams: Mapping[str, Any], at: At
) -> dict[str, Index]:
    """All the indexes; each upstream is known by its own settings. Raise BadSetting."""
    indexes = _with_default({name: _index(name, table, at) for name, table in tables.items()})
    _check_sources(indexes, upstreams)
    return indexes


def _index(name: str, table: IndexTable, at: At) -> Index:
    if not NAME.match(name) or not RESERVED.isdisjoint(name.split("/")):
        raise BadSetting(
            f"index.{name}: not a name for an index; use one or two segments of lower-case "
            f"letters, digits, '.', '-' and '_', none of them {', '.join(sorted(RESERVED))}"
        )
    read = table.read
    if read is None:
        # Beyond this machine somebody must have said that anyone may read.
        read = "anyone" if at.is_local else "authenticated"
    return Index(
        name=name,
        sources=table.sources,
        uploads=table.uploads,
        read=read,
        default=table.default,
        publishers=tuple(_publisher(name, said) for said in table.publishers),
        routes=tuple(_route(name, route) for route in table.route),
        merge=_names(f"index.{name}.merge", table.merge) if table.merge else None,
        fallthrough=table.fallthrough,
        follows=table.follow,
        clauses=clauses(name, table.rule, at.where, at.folder),
        admit_days=table.admit_days,
    )


def _publisher(index: str, said: str) -> Publisher:
    try:
        return publisher(said)
    except BadName as e:
        raise BadSetting(f"index.{index}.publishers: {e}") from None


def _route(index: str, table: RouteTable) -> Route:
    key = f"index.{index}.route"
    if not table.projects:
        raise BadSetting(f"{key}.projects is empty; name projects, such as acme-*")
    return Route(projects=_names(f"{key}.projects", table.projects), sources=table.sources)


def _names(key: str, patterns: tuple[str, ...]) -> Names:
    try:
        return names(patterns)
    except BadName as e:
        raise BadSetting(f"{key}: {e}") from None


def _with_default(indexes: dict[str, Index]) -> dict[str, Index]:
    chosen = [name for name, index in indexes.items() if index.default]
    if len(chosen) > 1:
        raise BadSetting(f"default = true stands in {' and '.join(chosen)}; one index can have it")
    if not chosen:
        name = "main" if "main" in indexes else next(iter(indexes))
        indexes[name] = replace(indexes[name], default=True)
    return indexes


def _check_sources(indexes: dict[str, Index], upstreams: Mapping[str, Any]) -> None:
    both = sorted(indexes.keys() & upstreams.keys())
    if both:
        raise BadSetting(f"{both[0]} names an index and an upstream; rename one of them")
    for index in indexes.values():
        for source in index.every_source:
            if source not in indexes and source not in upstreams:
                key = "sources" if source in index.sources else "route.sources"
                known = list({**indexes, **upstreams, "pypi": None})
                raise BadSetting(
                    f"index.{index.name}.{key} names {source!r}, which is neither an index nor "
                    f"an upstream{nearest(source, known)}"
                )
        _check_followed(index, upstreams)
        _check_cycle(indexes, index.name, ())
    _check_redirects(indexes, upstreams)


def _check_followed(index: Index, upstreams: Mapping[str, Any]) -> None:
    if index.follows is None:
        return
    key, clocheans = f"index.{index.name}.follow", _clocheans(upstreams)
    if index.follows not in clocheans:
        raise BadSetting(
            f'{key} names {index.follows!r}, which is no upstream of kind = "cloche"'
            f"{nearest(index.follows, clocheans)}"
        )


def _clocheans(upstreams: Mapping[str, Any]) -> list[str]:
    return [name for name, each in upstreams.items() if each.kind == "cloche"]


def redirects(indexes: Mapping[str, Index], upstreams: Mapping[str, Any]) -> dict[str, str]:
    """Where clients are sent for what an upstream may have, by its name. Raise BadSetting."""
    found: dict[str, str] = {}
    for index in indexes.values():
        asked = [name for name in index.every_source if name in upstreams]
        for name in asked if _sends(index) else ():
            base = getattr(upstreams[name].own, "elsewhere", None)
            if base is None:
                raise BadSetting(
                    f'index.{index.name} has fallthrough = "redirect", but clients cannot be sent '
                    f"to {name}: it needs credentials, or has no pages for them; cache it"
                )
            found[name] = base
    return found


def _check_redirects(indexes: Mapping[str, Index], upstreams: Mapping[str, Any]) -> None:
    """Whoever is redirected asks nobody else, and no rule sees what it gets."""
    sent = {name for name, each in upstreams.items() if _mode(each) == "redirect"}
    for name in redirects(indexes, upstreams):
        senders = [i for i, one in indexes.items() if _sends(one) and name in one.every_source]
        _check_last(name, behind(indexes, name, senders))
    for name in [*sent, *(i for i, one in indexes.items() if _sends(one))]:
        _check_last(name, behind(indexes, name))
    for index in indexes.values():
        there = _redirecting(Ways(indexes, index.name).places, indexes, sent)
        what = "rules" if index.clauses else "projects that are merged" if index.merge else ""
        if there and what:
            raise BadSetting(
                f"index.{index.name} has {what}, but clients are redirected by {there}, and "
                'what they get there is not seen here; have it cached: fallthrough = "cache"'
            )


def _check_last(name: str, found: tuple[str, str] | None) -> None:
    if found:
        raise BadSetting(
            f"clients are redirected by {name}, so {found[1]} behind it in "
            f"index.{found[0]}.sources would never be asked; put {name} last"
        )


def _sends(index: Index) -> bool:
    return index.fallthrough == "redirect"


def _mode(upstream: Any) -> str:
    return str(getattr(upstream.own, "mode", "cache"))


def _redirecting(
    places: Iterable[str], indexes: Mapping[str, Index], sent: Collection[str]
) -> str | None:
    """The first of the places by which clients are sent elsewhere."""
    for place in places:
        if place in sent or (place in indexes and _sends(indexes[place])):
            return place
    return None


def _check_cycle(indexes: Mapping[str, Index], name: str, path: tuple[str, ...]) -> None:
    if name in path:
        raise BadSetting(f"indexes draw on each other in a circle: {' -> '.join((*path, name))}")
    for source in indexes[name].every_source:
        if source in indexes:
            _check_cycle(indexes, source, (*path, name))
