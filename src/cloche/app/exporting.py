"""An export of an index, put together over services that are open."""

import asyncio
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec.structs import replace as altered

from cloche import kinds, sites
from cloche.app.services import Services
from cloche.config import Settings
from cloche.core.choosing import Rules
from cloche.core.errors import BadSetting
from cloche.core.model import ProjectName
from cloche.core.static import Mark
from cloche.core.wants import Want
from cloche.ports.sites import OnDisk, Site
from cloche.service.export import Export, Run
from cloche.service.narrowing import narrowing
from cloche.service.static_documents import Documents
from cloche.service.static_project import StaticProject
from cloche.service.static_way import Tell, Way


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
    link: bool = False


async def exporting(
    services: Services, settings: Settings, order: Order, tell: Tell
) -> tuple[Export, list[ProjectName]]:
    """The export, and what belongs into it. Raise BadSetting, and what moments raise."""
    view, shelf, files, index = services.view, services.shelf, services.files, order.way.index
    if order.at is not None:
        past = await services.times.at(index, order.at)
        view, shelf, files = past.view, past.shelf, past.files
    blobs, spool = files.blobs, services.integrity.objects.spool
    linked = blobs if order.link and isinstance(blobs, OnDisk) else None
    site = open_site(order.url, settings, linked)
    integrity = replace(services.integrity, view=view, shelf=shelf)
    narrow, names = None, await view.projects(index) if order.wants is None else []
    if order.wants is not None:
        narrow = narrowing(order.wants, order.rules)
        names = sorted({want.project for want in order.wants})
    slots = asyncio.Semaphore(order.way.jobs)
    documents = Documents(files, services.times.journal, index, order.way.base)
    project = StaticProject(
        order.way, shelf, files, integrity, blobs, site, narrow, tell, documents, slots
    )
    run, mark = Run(socket.gethostname(), os.getpid()), Mark(index=index, layout=order.layout)
    return Export(project, site, spool, order.url, run, mark), names


def open_site(url: str, settings: Settings, linked: OnDisk | None) -> Site:
    """The place that a URL names; nothing is sent yet. Raise BadSetting."""
    kind = url.partition("://")[0]
    options = {} if kind == "file" else settings.blobs_options
    made: Site = kinds.load(sites, kind).connect(url, options, linked and linked.path)
    return made
