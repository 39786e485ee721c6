"""What one process is told to forget is forgotten by all: they hear of it from the journal."""

from dataclasses import dataclass, field

from cloche.ports import Expiry, Pulse


@dataclass(slots=True)
class Forgetting:
    """Tells when what this process remembers of an upstream holds no longer, at somebody's wish."""

    upstream: str
    expiry: Expiry
    pulse: Pulse
    _beat: int = field(default=-1, init=False)
    _serial: int = field(default=0, init=False)

    async def due(self) -> bool:
        """Whether anybody has wished it, in any process, since this was last asked.

        Asks nobody while nothing was written.
        """
        beat = self.pulse.beat()
        if beat == self._beat:
            return False
        serial = await self.expiry.expired(self.upstream)
        is_news = serial > self._serial
        self._beat, self._serial = beat, max(serial, self._serial)
        return is_news
