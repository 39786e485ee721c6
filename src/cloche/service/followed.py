"""Being followed: what happens in an index, told to another server that does the same."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from cloche.core.errors import NoSuchBlob
from cloche.core.following import Position, Stretch
from cloche.core.model import Digest
from cloche.ports import Blobs, Clock, Followable, Pulse
from cloche.service.fetch import Body

POLL = 0.1  # seconds between two looks at the pulse, which cost microseconds


@dataclass(frozen=True, slots=True)
class Followed:
    followable: Followable
    blobs: Blobs
    pulse: Pulse
    clock: Clock

    async def stretch(
        self,
        index: str,
        since: Position | None,
        most: int,
        wait: float,
        unheard: Callable[[], bool],
    ) -> Stretch:
        """What happened in the index after a position; None: from the beginning.

        If nothing has, wait so many seconds for it, or until the answer is `unheard`. Raise
        OtherJournal when the position is none of this journal.
        """
        end = asyncio.get_running_loop().time() + wait
        while True:
            beat = self.pulse.beat()
            found = await self.followable.stretch(index, since, most, self.clock())
            if found.steps:
                return found
            while beat == self.pulse.beat():
                if asyncio.get_running_loop().time() >= end or unheard():
                    return found
                await asyncio.sleep(POLL)

    async def open(self, index: str, digest: Digest) -> Body:
        """The bytes of that digest, if the index has them. Raise NoSuchBlob."""
        size = await self.blobs.size(digest) if await self.followable.has(index, digest) else None
        if size is None:
            raise NoSuchBlob(f"index {index} has no bytes of the digest {digest}")
        return Body(size, self.blobs.read(digest, 0, size))
