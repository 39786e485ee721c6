"""What the page of another site makes a browser send may change nothing here.

A browser adds the Basic credentials that it remembers to such requests, and says whose page
sends them: to secure addresses in Sec-Fetch-Site, to all in Origin. Packaging clients say neither.
"""

from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from cloche.web.problems import Problem

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class SameSite:
    """Refuses a request that could change something if another site's page sends it."""

    def __init__(self, app: ASGIApp, public_url: str | None) -> None:
        self._app = app
        self._public = urlsplit(public_url or "").netloc.lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        changes = scope["type"] == "http" and scope["method"] not in SAFE
        if changes and self._is_foreign(Headers(scope=scope)):
            detail = "the page of another site may change nothing here; use a client, or this site"
            status = HTTPStatus.FORBIDDEN
            refusal = Problem(Request(scope), status, status.phrase, detail)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_foreign(self, headers: Headers) -> bool:
        if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            return True
        origin = headers.get("origin")
        if origin is None:
            return False
        ours = {headers.get("host", "").lower(), self._public} - {""}
        return _place(origin) not in ours


def _place(origin: str) -> str:
    """Host and port; nothing for `null`, which a page of no known place is from."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
