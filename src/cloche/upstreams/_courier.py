"""Brings webhooks to whoever the operator named."""

from collections.abc import Mapping

import aiohttp
from yarl import URL

from cloche import __version__
from cloche.core.errors import UpstreamDown
from cloche.upstreams._environment import usual_proxy

SECONDS = 10  # for all of it
MAX_SAID = 200  # characters of an error that are told


class HttpCourier:
    """Follows no redirect, keeps no cookie, and reads nothing of the answer but its status."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> None:
        address = URL(url)
        try:
            async with self._opened().post(
                address,
                data=content,
                headers=headers,
                proxy=usual_proxy(address.scheme, address.host),
                allow_redirects=False,
            ) as answer:
                status = answer.status
        except TimeoutError:
            raise UpstreamDown(f"{_shown(address)} takes longer than {SECONDS} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as e:
            said = f"{str(e)[:MAX_SAID]}"
            raise UpstreamDown(f"{_shown(address)} cannot be reached: {said}") from None
        if not 200 <= status < 300:  # noqa: PLR2004 - RFC 9110, section 15.3
            raise UpstreamDown(f"{_shown(address)} answers {status}")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        """Made at first use, for aiohttp wants the running loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": f"cloche/{__version__}"},
                timeout=aiohttp.ClientTimeout(total=SECONDS),
            )
        return self._session


def _shown(address: URL) -> str:
    """Without what it may hold of secrets: many webhooks have theirs in the path."""
    return str(address.origin()) if address.absolute else "the address"
