"""What is to be brought of which upstream, as the settings say it."""

from collections.abc import Iterable, Sequence
from hashlib import sha256

import msgspec
from msgspec.structs import asdict, replace

from cloche.config import Settings
from cloche.config.recording import recorded
from cloche.core.errors import BadSetting
from cloche.core.index import Ways
from cloche.core.mirrors import Choice, Mirror, policy
from cloche.core.plan import Plan
from cloche.core.targets import Targets, targets
from cloche.core.wants import Want, Wants
from cloche.wanted import read


def plans(settings: Settings, names: Sequence[str], jobs: int | None = None) -> list[Plan]:
    """What is to be brought for these indexes and upstreams; for none of them, all that is set.

    Raise BadSetting when a name is neither, or there is nothing to bring.
    """
    if not names:
        names = [name for name, each in settings.upstreams.items() if _is_ahead(each.mirror)]
        if not names:
            raise BadSetting(
                "no upstream is a mirror; name an upstream or index, or set "
                'mode = "all" under [upstream.NAME.mirror]'
            )
    asking: dict[str, list[str]] = {}
    for name in names:
        for upstream, indexes in _asked(settings, name):
            found = asking.setdefault(upstream, [])
            found += [each for each in indexes if each not in found]
    return [_plan(settings, name, tuple(asked), jobs) for name, asked in asking.items()]


def widened(settings: Settings, chosen: Iterable[Plan]) -> Settings:
    """The settings with as many connections to each of these upstreams as it has jobs."""
    upstreams = dict(settings.upstreams)
    for plan in chosen:
        one = upstreams[plan.upstream]
        if hasattr(one.own, "connections"):
            most = max(one.own.connections, plan.jobs)
            own = replace(one.own, connections=most)
            upstreams[plan.upstream] = replace(one, own=own)
    return replace(settings, upstreams=upstreams)


def _is_ahead(mirror: Mirror) -> bool:
    return mirror.mode != "on_demand"


def _asked(settings: Settings, name: str) -> list[tuple[str, list[str]]]:
    """The upstreams that a name means, and the indexes under whose rules."""
    if name in settings.upstreams:
        drawing = [
            index for index in settings.indexes if name in Ways(settings.indexes, index).places
        ]
        if not drawing:
            raise BadSetting(
                f"no index draws on the upstream {name}, so nothing of it is wanted; add "
                f'sources = ["{name}"] under [index.…]'
            )
        _check(settings, name)
        return [(name, drawing)]
    if name not in settings.indexes:
        known = ", ".join((*settings.indexes, *settings.upstreams))
        raise BadSetting(f"{name!r} is neither an index nor an upstream; known are {known}")
    below = [place for place in Ways(settings.indexes, name).places if place in settings.upstreams]
    ahead = [each for each in below if _is_chosen(settings.upstreams[each].mirror)]
    if not ahead:
        raise BadSetting(
            f"index {name} draws on no upstream of which anything is chosen; set mode or "
            "projects under [upstream.NAME.mirror]"
        )
    for each in ahead:
        _check(settings, each)
    return [(each, [name]) for each in ahead]


def _is_chosen(mirror: Mirror) -> bool:
    return _is_ahead(mirror) or bool(mirror.projects or mirror.requirements)


def _check(settings: Settings, name: str) -> None:
    one = settings.upstreams[name]
    if not _is_chosen(one.mirror):
        raise BadSetting(
            f"upstream {name} is brought on demand, and nothing of it is chosen; set mode or "
            f"projects under [upstream.{name}.mirror]"
        )
    if getattr(one.own, "mode", "cache") == "redirect":
        raise BadSetting(f"clients are redirected to the upstream {name}; set its mode to cache")
    if settings.server.offline and not one.own.is_local:
        raise BadSetting(f"the settings say offline, so the upstream {name} cannot be asked")


def _plan(settings: Settings, name: str, indexes: tuple[str, ...], jobs: int | None) -> Plan:
    one = settings.upstreams[name]
    mirror = one.mirror
    mode = mirror.mode if _is_ahead(mirror) else "all"
    gone = policy(mirror.gone, one.recall.deleted)
    said_of = _wants(settings, mirror)
    wants = said_of.wants
    chosen = _chosen(name, mirror, wants)
    needed = mirror.dependencies and bool(chosen)
    environments = [asdict(each) for each in mirror.environments] if needed else None
    versions = sorted(map(_said_of, wants)) if needed else None
    said: list[object] = [mode, chosen, gone, [deciding(settings, each) for each in indexes]]
    said += [environments, versions]
    return Plan(
        upstream=name,
        mode=mode,
        choice=Choice(chosen),
        gone=gone,
        indexes=indexes,
        policy=sha256(msgspec.json.encode(said)).hexdigest(),
        jobs=jobs or mirror.jobs,
        environments=_environments(mirror) if needed else (),
        wants=wants,
        prereleases=said_of.prereleases,
        whole=Choice(mirror.projects) if mirror.projects else None,
    )


def _environments(mirror: Mirror) -> tuple[Targets, ...]:
    """For whom dependencies are resolved: each environment by itself."""
    if not mirror.environments:
        from cloche.app.opening import this_platform  # noqa: PLC0415  # and with it all adapters

        return (targets(this_platform()),)
    return tuple(
        targets((), platforms=[each.platform], pythons=[each.python])
        for each in mirror.environments
    )


def _wants(settings: Settings, mirror: Mirror) -> Wants:
    if not mirror.requirements:
        return Wants()
    return read([str(settings.folder / each) for each in mirror.requirements])


def _said_of(want: Want) -> str:
    """All that a line says, the same in each process."""
    names = [each.filename or each.hashes for each in want.files]
    said = f"{want.project} {sorted(want.extras)} {want.specifiers}; {want.marker}"
    return f"{said} {names}" if names else said


def _chosen(name: str, mirror: Mirror, wants: Iterable[Want]) -> tuple[str, ...]:
    """The patterns, and what requirements and lock files name."""
    named = sorted({each.project for each in wants} - set(mirror.projects))
    if mirror.requirements and not named and not mirror.projects:
        raise BadSetting(f"upstream.{name}.mirror.requirements name no project; name some")
    return (*mirror.projects, *named)


def deciding(settings: Settings, index: str) -> list[object]:
    """All of an index, and what is below it, that decides what it shows."""
    below = [each for each in Ways(settings.indexes, index).places if each in settings.indexes]
    return [
        [
            name,
            settings.indexes[name].sources,
            [(str(each.projects), each.sources) for each in settings.indexes[name].routes],
            str(settings.indexes[name].merge),
            settings.indexes[name].fallthrough,
            recorded(settings.rules.get(name, ()), settings.folder),
        ]
        for name in below
    ]
