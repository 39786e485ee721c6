"""Having upstreams asked anew, at somebody's wish."""

from collections.abc import Collection
from dataclasses import dataclass

from cloche.core.model import ProjectName
from cloche.ports import Clock, Expiry, Pulse
from cloche.service.view import View


@dataclass(frozen=True, slots=True)
class Renew:
    """When it returns, whoever asks has the index's upstreams asked, in every worker and node."""

    view: View
    upstreams: Collection[str]
    expiry: Expiry
    pulse: Pulse
    clock: Clock

    async def project(self, index: str, project: ProjectName, who: str) -> None:
        """Forget what they said of the project, but keep it for when they cannot be asked."""
        for source in self.view.ways(index).of(project):
            if source in self.upstreams:
                await self.expiry.expire(source, project, self.clock(), who)
        await self.pulse.settle()

    async def absences(self, index: str, who: str) -> None:
        """Forget which projects they do not have."""
        for source in self.view.closure(index):
            if source in self.upstreams:
                await self.expiry.expire(source, None, self.clock(), who)
        await self.pulse.settle()
