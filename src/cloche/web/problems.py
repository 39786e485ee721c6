"""The only place where an error becomes a status, and words for whoever reads them.

Programs get RFC 9457 problem details, people a readable page, and pip and twine, which show
nothing else, the same sentence as the reason phrase of the status line.
"""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cloche.core import errors
from cloche.core.negotiation import wants_html
from cloche.logs import Log
from cloche.web.protocol import PROBLEM, CutOff, set_reason
from cloche.web.ui.layout import CONTENT_SECURITY_POLICY
from cloche.web.ui.pages import problem

log = Log(__name__)

RETRY_AFTER = 5  # seconds, when the error knows no better
MAX_REASON = 400  # characters of a status line that clients may be expected to take

STATUS: dict[type[errors.Error], tuple[HTTPStatus, str]] = {
    errors.Error: (HTTPStatus.INTERNAL_SERVER_ERROR, "Server error"),
    errors.BadRequest: (HTTPStatus.BAD_REQUEST, "Bad request"),
    errors.BadUpload: (HTTPStatus.BAD_REQUEST, "Upload refused"),
    errors.NotAcceptable: (HTTPStatus.NOT_ACCEPTABLE, "Not acceptable"),
    errors.Unauthenticated: (HTTPStatus.UNAUTHORIZED, "Credentials needed"),
    errors.Forbidden: (HTTPStatus.FORBIDDEN, "Not allowed"),
    errors.Denied: (HTTPStatus.FORBIDDEN, "Withheld by a rule"),
    errors.NotFound: (HTTPStatus.NOT_FOUND, "Not found"),
    errors.Forgotten: (HTTPStatus.GONE, "Not kept any more"),
    errors.FileExists: (HTTPStatus.CONFLICT, "File already exists"),
    errors.OtherJournal: (HTTPStatus.CONFLICT, "Another journal"),
    errors.TooLarge: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too large"),
    errors.UpstreamDown: (HTTPStatus.SERVICE_UNAVAILABLE, "Upstream unavailable"),
    errors.UpstreamLies: (HTTPStatus.BAD_GATEWAY, "Upstream answer refused"),
    errors.StorageDown: (HTTPStatus.SERVICE_UNAVAILABLE, "Storage unavailable"),
    errors.StorageFull: (HTTPStatus.INSUFFICIENT_STORAGE, "Storage full"),
    errors.BadSetting: (HTTPStatus.INTERNAL_SERVER_ERROR, "Server misconfigured"),
}


def status_of(kind: type[errors.Error]) -> tuple[HTTPStatus, str]:
    """Status and title of the nearest base that the table names."""
    return next(STATUS[base] for base in kind.__mro__ if base in STATUS)


class Problem(Response):
    """An error, told to a program or a person; the sentence is in the status line too.

    `more` are further members for programs (RFC 9457, section 3.2).
    """

    def __init__(
        self,
        request: Request,
        status: HTTPStatus,
        title: str,
        detail: str,
        more: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        if wants_html(request.headers.get("accept", "")):
            content = problem(status, title, detail).encode()
            kind = "text/html; charset=utf-8"
        else:
            # RFC 9457, section 4.2.1: without a type of its own, the title is the status's.
            phrase = status.phrase
            said = {
                "type": "about:blank",
                "title": phrase,
                "status": status,
                "detail": detail,
                **more,
            }
            content = msgspec.json.encode(said)
            kind = PROBLEM
        super().__init__(content, status)
        self.headers["content-type"] = kind
        self.headers["content-security-policy"] = CONTENT_SECURITY_POLICY
        self.headers["cache-control"] = "no-store"
        self.headers["vary"] = "Accept"
        self.reason = reason_phrase(detail)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        set_reason(scope, self.reason)
        await super().__call__(scope, receive, send)


def reason_phrase(detail: str) -> bytes:
    """Make one line of `detail` that an HTTP/1.1 status line can carry (RFC 9112, section 4)."""
    line = " ".join(detail.split())[:MAX_REASON]
    return "".join(c if c.isprintable() else "?" for c in line).encode("latin-1", "replace")


async def answer(request: Request, error: Exception) -> Response:
    """Answer an error of the tree."""
    if not isinstance(error, errors.Error):
        raise error
    status, title = status_of(type(error))
    members = error.members if isinstance(error, errors.Denied) else {}
    response = Problem(request, status, title, error.detail, members)
    if isinstance(error, errors.Unauthenticated):
        # distutils' register sends its password to a realm of this name alone.
        response.headers["www-authenticate"] = 'Basic realm="pypi", charset="UTF-8"'
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["retry-after"] = str(getattr(error, "retry_after", RETRY_AFTER))
    return response


async def answer_http(request: Request, error: Exception) -> Response:
    """Answer what the framework refuses: unknown paths and methods."""
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    detail = {
        HTTPStatus.NOT_FOUND: f"nothing is at {_path(request)}; the index is at /simple/",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} is not possible at {_path(request)}",
    }.get(status, error.detail)
    response = Problem(request, status, status.phrase, detail)
    response.headers.update(error.headers or {})
    return response


def _path(request: Request) -> str:
    """What was asked for. `request.url` would fail where the query is not UTF-8."""
    return str(request.scope["path"])


async def answer_bug(request: Request, error: Exception) -> Response:
    """Answer what nobody foresaw, without a word of the traceback, which the log has."""
    if not isinstance(error, CutOff):
        log.error("unforeseen error", path=_path(request), error=repr(error))
    return Problem(
        request,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Internal error",
        "the server failed at this request; its log says more, please tell its operator",
    )
