"""An export of an index, put together over services that are open."""

import asyncio
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec.structs import replace as altered

from cloche import __version__, kinds, sites
from cloche.app.plans import deciding
from cloche.app.services import Services
from cloche.config import Settings
from cloche.core.choosing import Rules
from cloche.core.errors import BadSetting
from cloche.core.index import Ways
from cloche.core.model import ProjectName
from cloche.core.static import Mark
from cloche.core.wants import Want
from cloche.ports.sites import OnDisk, Site
from cloche.service.closure import Closure, Library, Needed
from cloche.service.export import Export, Run
from cloche.service.libraries import Shown
from cloche.service.narrowing import narrowing
from cloche.service.static_bytes import StaticBytes
from cloche.service.static_documents import Documents
from cloche.service.static_project import StaticProject
from cloche.service.static_way import Lacked, Narrow, Noted, Tell, Way


def asking_nobody(settings: Settings) -> Settings:
    """The settings of a server that serves what is kept."""
    return altered(settings, server=altered(settings.server, offline=True))


def target_url(target: str) -> str:
    """A folder's path, or the URL of a bucket, as a URL. Raise BadSetting."""
    kind, mark, _ = target.partition("://")
    if not mark:
        return Path(target).resolve().as_uri()
    if kind not in kinds.names(sites):
        known = ", ".join(f"{each}://" for each in kinds.names(sites))
        raise BadSetting(f"{target!r} is no target; name a folder, or begin with one of {known}")
    return target


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be exported where to. `url` is what `target_url` gives."""

    url: str
    way: Way
    layout: str
    at: str | None = None  # the moment; None: now
    wants: Sequence[Want] | None = None  # None: all projects
    rules: Rules
    environments: Sequence[Rules] = ()  # for which dependencies are wanted too; none: for none
    link: bool = False
    full: bool = False  # look at everything, whatever the last run left


async def exporting(
    services: Services, settings: Settings, order: Order, tell: Tell
) -> tuple[Export, list[ProjectName]]:
    """The export, and what belongs into it. Raise BadSetting, and what moments raise."""
    view, shelf, files, index = services.view, services.shelf, services.files, order.way.index
    at = None
    if order.at is not None:
        past = await services.times.at(index, order.at)
        at = past.moment.serial
        view, shelf, files = past.view, past.shelf, past.files
    blobs, spool = files.blobs, services.integrity.objects.spool
    linked = blobs if order.link and isinstance(blobs, OnDisk) else None
    site = open_site(order.url, settings, linked)
    integrity = replace(services.integrity, view=view, shelf=shelf)
    if order.wants is None:
        narrow, names = None, await view.projects(index)
    else:
        library = Shown(index, shelf, files, fetches=not order.way.dry)
        narrow, names = await _narrow(order, order.wants, library, tell)
    slots = asyncio.Semaphore(order.way.jobs)
    documents = Documents(files, services.times.journal, index, order.way.base)
    contents = StaticBytes(order.way, files, integrity, blobs, tell)
    project = StaticProject(order.way, shelf, contents, site, narrow, tell, documents, slots)
    # A folder of this name is another one on each node; a bucket is not.
    alone = None if order.url.startswith("file:") else services.syncs.alone
    export = Export(
        project=project,
        site=site,
        records=services.view.ledger,
        followable=services.followed.followable,
        spool=spool,
        alone=alone,
        clock=services.view.clock,
        where=order.url,
        way=_decided(settings, order, at),
        run=Run(socket.gethostname(), os.getpid()),
        mark=Mark(index=index, layout=order.layout),
        full=order.full,
    )
    return export, names


def _decided(settings: Settings, order: Order, at: int | None) -> str:
    """A digest of all that decides what pages say, besides what the journal tells."""
    way, upstreams = order.way, settings.upstreams
    places = Ways(settings.indexes, way.index).places
    said = [
        [__version__, way.index, order.layout, way.base, way.held_only, at, order.wants is None],
        [deciding(settings, each) for each in places if each in settings.indexes],
        [(each, upstreams[each].recall.deleted) for each in places if each in upstreams],
    ]
    return sha256(msgspec.json.encode(said)).hexdigest()


async def _narrow(
    order: Order, wants: Sequence[Want], library: Library, tell: Tell
) -> tuple[Narrow, list[ProjectName]]:
    """What is wanted of which projects."""
    needed = Needed()
    if order.environments:
        needed = await Closure(library, order.environments, wants, order.way.jobs).of()
    for need, why in needed.unmet.items():
        tell(Lacked(str(need), None, why))
    for says in needed.untold.values():
        tell(Noted(says))
    names = {want.project for want in wants} | needed.files.keys()
    return narrowing(wants, order.rules, needed.files), sorted(names)


def open_site(url: str, settings: Settings, linked: OnDisk | None) -> Site:
    """The place that a URL names; nothing is sent yet. Raise BadSetting."""
    kind = url.partition("://")[0]
    options = {} if kind == "file" else settings.blobs_options
    made: Site = kinds.load(sites, kind).connect(url, options, linked and linked.path)
    return made
