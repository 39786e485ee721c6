"""An index elsewhere that takes uploads: the legacy upload API, as twine speaks it."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from http import HTTPStatus
from uuid import uuid4

import aiohttp
from yarl import URL

from cloche import __version__
from cloche.core.errors import BadSetting, BadUpload, Forbidden, UpstreamDown, UpstreamLies
from cloche.ports import Outside, Spooled
from cloche.upstreams._environment import usual_proxy
from cloche.upstreams._headers import plain, retry_after
from cloche.upstreams._reaching import is_address

CHUNK = 1 << 18
MAX_ANSWER = 64 << 10  # bytes of what is said to an upload
MAX_SAID = 300  # characters of it that are told on
CONNECT, READ = 10, 300  # seconds; the other side may look at the file before it answers

# Who says what about a file that is there already: as twine knows it (`--skip-existing`).
THERE: Mapping[int, tuple[str, ...]] = {
    HTTPStatus.BAD_REQUEST: ("already exist", "updating asset", "already been taken"),
    HTTPStatus.FORBIDDEN: ("overwrite artifact",),
}


def connect(url: str, username: str | None, password: str | None) -> Outside:
    """Nothing is sent yet. Raise BadSetting when the address is none."""
    if not is_address(url):
        raise BadSetting(
            f"{url!r} is not an address; give the one that uploads go to, such as "
            "https://host/legacy/"
        )
    address = URL(url)
    user, secret = (username or address.user), (password or address.password or "")
    headers = {"User-Agent": f"cloche/{__version__}", "Accept": "*/*"}
    if user is None and secret:
        user = "__token__"
    if user is not None:
        pair = base64.b64encode(f"{user}:{secret}".encode()).decode()
        headers["Authorization"] = f"Basic {pair}"
    return _Legacy(address.with_user(None), headers)


class _Legacy:
    def __init__(self, address: URL, headers: Mapping[str, str]) -> None:
        self._address = address
        self._headers = headers
        self._session: aiohttp.ClientSession | None = None

    async def upload(
        self, form: Mapping[str, Sequence[str]], filename: str, content: Spooled
    ) -> bool:
        boundary = uuid4().hex
        head, tail = _head(form, filename, boundary), f"\r\n--{boundary}--\r\n".encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            # Some servers take no body of unknown length.
            "Content-Length": str(len(head) + content.size + len(tail)),
        }
        proxy = usual_proxy(self._address.scheme, self._address.host)
        try:
            async with self._opened().post(
                self._address,
                data=_body(head, content, tail),
                headers=headers,
                proxy=proxy,
                allow_redirects=False,
            ) as answer:
                said = plain((await answer.content.read(MAX_ANSWER)).decode(errors="replace"))
                return self._understood(answer, filename, said)
        except TimeoutError:
            raise UpstreamDown(f"{self._shown} takes too long to answer; try again") from None
        except (aiohttp.ClientError, OSError) as e:
            raise UpstreamDown(
                f"{self._shown} cannot be reached: {str(e)[:MAX_SAID]}; try again"
            ) from None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def _shown(self) -> str:
        return str(self._address.with_query(None))

    def _opened(self) -> aiohttp.ClientSession:
        """Made at first use, for aiohttp wants the running loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(sock_connect=CONNECT, sock_read=READ),
            )
        return self._session

    def _understood(self, answer: aiohttp.ClientResponse, filename: str, said: str) -> bool:
        """Whether it is new there. Raise when it was not taken."""
        status, reason = answer.status, plain(answer.reason or "")
        words = f"{reason} {said}".lower()
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return True
        if status == HTTPStatus.CONFLICT or any(each in words for each in THERE.get(status, ())):
            return False
        told = (
            f"{self._shown} answers {status} to {filename}: {' '.join(reason.split())[:MAX_SAID]}"
        )
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise Forbidden(f"{told}; check user and password, and what they may do there")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
            raise UpstreamDown(f"{told}; try again", retry_after=retry_after(answer))
        if status >= HTTPStatus.BAD_REQUEST:
            raise BadUpload([told])
        raise UpstreamLies(f"{told}; give the address that it takes uploads at, without redirects")


def _head(form: Mapping[str, Sequence[str]], filename: str, boundary: str) -> bytes:
    """All of the body that is before the file's bytes (RFC 7578)."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, values in form.items()
        for value in values
    ]
    quoted = filename.replace('"', "%22")
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="content"; filename="{quoted}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return "".join(parts).encode(errors="replace")


async def _body(head: bytes, content: Spooled, tail: bytes) -> AsyncIterator[bytes]:
    yield head
    file = await asyncio.to_thread(content.path.open, "rb")
    try:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk
    finally:
        file.close()
    yield tail
