"""Having upstreams asked anew, at somebody's wish."""

from collections.abc import Mapping
from dataclasses import dataclass

from cloche.core.model import ProjectName
from cloche.ports import Clock, Expiry, Pulse
from cloche.service.upstream import CachedUpstream
from cloche.service.view import View


@dataclass(frozen=True, slots=True)
class Renew:
    view: View
    upstreams: Mapping[str, CachedUpstream]
    expiry: Expiry
    pulse: Pulse
    clock: Clock

    async def project(self, index: str, project: ProjectName, who: str) -> None:
        """When this returns, whoever asks for the project has the index's upstreams asked.

        That an upstream has no such project is forgotten in this process alone: others may
        believe it for as long as its freshness allows.
        """
        for source in self.view.ways(index).of(project):
            if source in self.upstreams:
                self.upstreams[source].forget(project)
                await self.expiry.expire(source, project, self.clock(), who)
        await self.pulse.settle()

    def absences(self, index: str) -> None:
        """Forget which projects the index's upstreams do not have."""
        for source in self.view.closure(index):
            if source in self.upstreams:
                self.upstreams[source].forget()
