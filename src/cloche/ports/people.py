"""Who somebody is, and who signed something."""

from collections.abc import Sequence
from typing import Protocol

from cloche.core.access import Principal
from cloche.core.publishers import Publisher


class Attestor(Protocol):
    """Tells who signed."""

    async def verify(
        self, attestations: Sequence[bytes], publishers: Sequence[Publisher]
    ) -> Publisher:
        """The first of the publishers that has signed all of these, each in JSON (PEP 740).

        Raise BadUpload when none has, UpstreamDown when it cannot be found out now.
        """


class Login(Protocol):
    """One way of proving who you are."""

    async def principal(self, user: str, secret: str) -> Principal | None:
        """Who this is, or None when the credential is unknown, expired or revoked."""
