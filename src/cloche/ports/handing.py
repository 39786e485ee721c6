"""Where somebody else finds a blob's bytes, and can hand them out."""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from cloche.core.model import Digest

Placing = Callable[[Digest], str]
"""The path of a blob below the folder that `store.blobs` names; nothing is looked up."""


class Signing(Protocol):
    """Blobs that clients can fetch where they lie, if they are given an address."""

    async def address(self, digest: Digest, life: timedelta) -> str:
        """An address at which whoever knows it may GET the blob, begun within `life`.

        Whether there is such a blob is not looked at. Raise StorageDown if nothing can be signed.
        """
