"""The server that an index followed until it was promoted: whether it still goes its own way."""

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass

from cloche.core.errors import Error
from cloche.core.following import Stretch
from cloche.logs import Log
from cloche.service.follow import Far, Follow, nothing

log = Log(__name__)

EVERY = 60.0  # seconds between two looks


@dataclass(frozen=True, slots=True)
class Former:
    follow: Follow
    every: float = EVERY

    async def run(self, far: Far = nothing) -> None:
        """Follow; from the promotion on look now and then, for ever, whether that is in vain."""
        await self.follow.run(far)
        while True:
            with suppress(Error):  # it is gone, as it should be
                async with AsyncExitStack() as stack:
                    if await self.follow.alone(stack):
                        await self.look()
            await asyncio.sleep(self.every)

    async def look(self) -> bool:
        """Whether it has changes that never came here; then they are the index's trouble.

        Raise UpstreamDown when it does not answer, OtherJournal when it has other data by now.
        """
        follow = self.follow
        found = {each.index: each for each in await follow.pursuits.all()}[follow.index]
        stretch = await follow.told(found.position)
        if not stretch.steps:
            return False
        said = self._said(stretch)
        if said != found.trouble:
            log.warning("the former primary has gone on", index=follow.index, error=said)
            await follow.pursuits.fail(follow.index, said)
        return True

    def _said(self, stretch: Stretch) -> str:
        return (
            f"{self.follow.primary.url} has changes that never came here, the newest its serial "
            f"{stretch.steps[-1].serial}; stop it or have it follow here, and see `cloche follow "
            f"{self.follow.index} --dry-run`"
        )
