"""What `cloche verify` needs, opened."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cloche.app.opening import (
    open_blobs,
    open_catalog,
    open_inspection,
    open_upstreams,
    utc_now,
)
from cloche.app.services import compose
from cloche.config import Settings
from cloche.service.mend import Mend
from cloche.service.verify import Verify
from cloche.spool import Spool


@asynccontextmanager
async def auditing(settings: Settings, *, patience: float) -> AsyncIterator[tuple[Verify, Mend]]:
    """Open it, beside a server or not. Transfers get `patience` seconds at the end."""
    stored, blobs, inspection = (
        open_catalog(settings),
        open_blobs(settings),
        open_inspection(settings),
    )
    services = compose(
        settings,
        stored=stored,
        blobs=blobs,
        spool=Spool(settings.data / "spool"),
        remote=open_upstreams(settings),
        clock=utc_now,
    )
    verify = Verify(blobs, inspection, stored.audit, utc_now)
    mend = Mend(blobs, inspection, stored.audit, services.files.within, services.cached)
    try:
        yield verify, mend
    finally:
        await services.close(patience)
        await stored.close()
