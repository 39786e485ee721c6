"""For those who run the server: is it alive, is it ready, what has it done."""

import os
from dataclasses import dataclass

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cloche import __version__
from cloche.core.errors import StorageFull
from cloche.ports import Blobs, Upkeep


@dataclass(frozen=True, slots=True)
class Health:
    blobs: Blobs
    upkeep: Upkeep

    def routes(self) -> list[Route]:
        return [
            Route("/-/health", self.health, methods=["GET"]),
            Route("/-/ready", self.ready, methods=["GET"]),
            Route("/-/metrics", self.metrics, methods=["GET"]),
        ]

    async def health(self, _: Request) -> Response:
        """200 as long as the process answers."""
        return JSONResponse({"status": "ok", "version": __version__})

    async def ready(self, _: Request) -> Response:
        """200 when database and blob store answer; 503, with the reason, when one does not.

        A full disk is told of, but a server that can still be read from must go on getting
        requests.
        """
        try:
            await self.upkeep.check()
            await self.blobs.check()
        except StorageFull as e:
            return JSONResponse({"status": "ready", "warning": e.detail})
        return JSONResponse({"status": "ready"})

    async def metrics(self, _: Request) -> Response:
        """Counts of all workers of this node, in Prometheus' text format."""
        registry: CollectorRegistry = REGISTRY
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # theirs has no types
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})
