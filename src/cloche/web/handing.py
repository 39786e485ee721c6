"""Files that somebody else hands out: the bucket that they lie in, or the nginx in front.

Whether this client may have the file, and whether it is kept, is found out before. An answer from
here names the bytes and has none of them.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from cloche.core.model import Digest
from cloche.ports import Placing, Signing
from cloche.web.protocol import peer

LIFE = timedelta(seconds=60)
"""Clients follow at once. What a server checks is when a transfer begins, not how long it takes."""

ACCEL = "x-accel-redirect"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Handing(Protocol):
    """Somebody else who has what is kept here."""

    async def answer(
        self, request: Request, digest: Digest, headers: Mapping[str, str]
    ) -> Response | None:
        """Have them send the blob, with these headers if they can; None where they cannot.

        Raise StorageDown.
        """


@dataclass(frozen=True, slots=True)
class Redirects:
    """Clients fetch it from the bucket."""

    signing: Signing

    async def answer(
        self,
        request: Request,  # noqa: ARG002 - the protocol's
        digest: Digest,
        headers: Mapping[str, str],  # noqa: ARG002 - the protocol's
    ) -> Response:
        address = await self.signing.address(digest, LIFE)
        # Whoever has the address has the file: nobody may keep it, also where all may read.
        said = {"location": address, "cache-control": "no-store"}
        return Response(None, HTTPStatus.TEMPORARY_REDIRECT, said)


@dataclass(frozen=True, slots=True)
class Accel:
    """The proxy in front sends it from the disk, if it is one of ours and says that it can.

    `X-Sendfile-Type` is the word for that of Rack's servers. An address alone would not do: on the
    proxy's machine others may ask as well, and whoever cannot do it takes the answer for a file
    of no bytes.
    """

    placing: Placing
    prefix: str
    proxies: Sequence[Network]

    async def answer(
        self, request: Request, digest: Digest, headers: Mapping[str, str]
    ) -> Response | None:
        # nginx holds If-Match against an ETag that it does not know yet, and says 412.
        if "if-match" in request.headers or not self._is_asked(request):
            return None
        said = {name: value for name, value in headers.items() if name != "accept-ranges"}
        return Response(None, 200, {**said, ACCEL: self.prefix + self.placing(digest)})

    def _is_asked(self, request: Request) -> bool:
        can = request.headers.get("x-sendfile-type", "")
        return can.lower() == ACCEL and self._is_ours(request.scope)

    def _is_ours(self, scope: Scope) -> bool:
        try:
            address = ipaddress.ip_address(peer(scope) or "")
        except ValueError:
            return False
        return any(address in network for network in self.proxies)
