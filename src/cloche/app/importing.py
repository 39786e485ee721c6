"""Bringing over what another system has kept: put together for one command."""

from urllib.parse import urlsplit

from cloche import stocks
from cloche.app.services import Services
from cloche.config import Settings
from cloche.core.errors import BadSetting
from cloche.ports import Stock, Way
from cloche.service.import_cache import Cache
from cloche.service.import_uploads import Uploads
from cloche.service.imports import Destination, Import


async def importing(
    settings: Settings,
    services: Services,
    source: str,
    to: str,
    *,
    kind: str | None,
    part: str | None,
    way: Way,
) -> Import:
    """Open what lies at `source`, for an index or an upstream of the settings.

    Raise BadSetting when there is nothing like that, Forbidden when the index takes no uploads.
    """
    if to not in settings.indexes and to not in settings.upstreams:
        known = ", ".join([*settings.indexes, *settings.upstreams])
        raise BadSetting(f"no index or upstream {to!r}; known are {known}")
    stock = await stocks.connect(source, kind, part, settings.blobs_options)
    return Import(stock, await _destination(settings, services, stock, to, way))


async def _destination(
    settings: Settings, services: Services, stock: Stock, to: str, way: Way
) -> Destination:
    fetch, publish = services.fetch, services.publish
    if to in settings.upstreams:
        cached = services.cached[to]
        return Cache(
            stock,
            cached,
            _pages(settings.upstreams[to].own.url),
            way,
            fetch.pages,
            cached.findings,
            fetch,
            fetch.spool,
            publish.pulse,
            publish.clock,
        )
    index = settings.indexes[to]
    await publish.check_open(index)
    return Uploads(
        stock,
        index,
        way,
        publish,
        services.arrivals,
        services.documents,
        fetch.spool,
        publish.pulse,
        publish.clock,
    )


def _pages(url: str) -> str:
    """Where an upstream's pages lie, without the credentials that its address may hold."""
    parts = urlsplit(url)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="")
    return f"{bare.geturl().rstrip('/')}/"
