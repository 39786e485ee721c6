"""What a project will require, asked of an upstream before its page has come."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from cloche.core.model import ProjectName
from cloche.ports import Foretelling

AT_ONCE = 48
SILENCES = 8  # in a row, after which an upstream is left alone
PAUSE = 600.0  # seconds


@dataclass
class Foresight:
    """Asks those upstreams that may say it, a few times only where they never do."""

    upstreams: Mapping[str, Foretelling]
    pause: float = PAUSE
    _silences: Counter[str] = field(default_factory=Counter)
    _until: dict[str, float] = field(default_factory=dict)
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    def may(self, upstream: str) -> bool:
        """Whether the upstream is worth a question now."""
        if upstream not in self.upstreams:
            return False
        return self._until.get(upstream, 0.0) <= asyncio.get_running_loop().time()

    async def requirements(self, upstream: str, project: ProjectName) -> list[str] | None:
        """The requirements of the project's newest release; None where the upstream is silent.

        Raise UpstreamDown or UpstreamLies when it cannot be asked.
        """
        said = None
        try:
            async with self._turns:
                said = await self.upstreams[upstream].requires_dist(project)
        finally:
            self._note(upstream, spoke=said is not None)
        return said

    def _note(self, upstream: str, *, spoke: bool) -> None:
        self._silences[upstream] = 0 if spoke else self._silences[upstream] + 1
        if self._silences[upstream] >= SILENCES:
            self._silences[upstream] = 0
            self._until[upstream] = asyncio.get_running_loop().time() + self.pause
