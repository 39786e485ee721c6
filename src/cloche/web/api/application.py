"""The management API as an ASGI application, and the OpenAPI that describes it."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Route

from cloche import __version__
from cloche.core.errors import BadRequest, Error
from cloche.web import problems
from cloche.web.api.access import Access
from cloche.web.api.admissions import Admissions
from cloche.web.api.explain import Explanations
from cloche.web.api.following import SCHEMAS, Following
from cloche.web.api.projects import Projects
from cloche.web.api.pushes import Pushes
from cloche.web.api.snapshots import Snapshots
from cloche.web.gate import Gate
from cloche.web.managed import Managed
from cloche.web.protocol import PROBLEM

ROOT = "/-/api/v1"
OPENAPI = f"{ROOT}/openapi.json"
REFUSALS = {
    400: "The request cannot be understood.",
    401: "No credentials, or unknown ones.",
    403: "The token does not cover this.",
    404: "No such index, project, file, admission or snapshot.",
    409: "Other bytes have the name of a file, or this is another journal.",
    413: "The request is too large.",
    502: "An upstream answered nonsense.",
    503: "An upstream or the storage cannot be reached.",
    507: "The storage is full.",
}
MAX_TOLD = 100  # characters of a client's own words
_SAID = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_PROBLEM = {
    "title": "Problem",
    "description": "RFC 9457. `detail` is one sentence: the cause, then the cure.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}


class Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """The description, with what FastAPI cannot know: problems and credentials."""
        found = super().openapi()
        parts = found.setdefault("components", {})
        parts.setdefault("schemas", {}).update({"Problem": _PROBLEM, **SCHEMAS})
        parts["securitySchemes"] = {
            name: {"type": "http", "scheme": name} for name in ("basic", "bearer")
        }
        found["security"] = [{"basic": []}, {"bearer": []}]
        return found


def build(managed: Managed, gate: Gate) -> Api:
    """Put the API together. It takes a moment: FastAPI compiles every schema."""
    api = Api(
        title="cloche",
        version=__version__,
        description="Managing what an index shows. It takes a token with `admin` on the index, but "
        "for an explanation, which whoever may read the index is given, and for following it.",
        openapi_url=OPENAPI,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation,
        responses={
            status: {"description": said, "content": _SAID} for status, said in REFUSALS.items()
        },
        exception_handlers={
            Error: problems.answer,
            HTTPException: _answer_http,
            RequestValidationError: _answer_invalid,
            Exception: problems.answer_bug,
        },
    )
    Projects(managed.steward, managed.builds, managed.shelf, gate).join(api.router, ROOT)
    Admissions(managed.admit, gate).join(api.router, ROOT)
    Explanations(managed.explain, gate).join(api.router, ROOT)
    Pushes(managed.promote, gate).join(api.router, ROOT)
    Access(managed.accesses, managed.explain.view, gate).join(api.router, ROOT)
    Snapshots(managed.naming, gate).join(api.router, ROOT)
    Following(managed.followed, gate).join(api.router, ROOT)
    return api


def _operation(route: APIRoute) -> str:
    return route.name


async def _answer_http(request: Request, error: Exception) -> Response:
    """Answer as everywhere; `Allow` names all methods, each of which is a route of its own here."""
    response = await problems.answer_http(request, error)
    if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        routes = [route for route in request.app.routes if isinstance(route, Route | APIRoute)]
        here = [route for route in routes if route.path_regex.match(request.scope["path"])]
        methods = {method for route in here for method in route.methods or ()}
        response.headers["allow"] = ", ".join(sorted(methods))
    return response


async def _answer_invalid(request: Request, error: Exception) -> Response:
    """Answer what does not fit the schema, as any other request that cannot be understood."""
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])[:MAX_TOLD]
    sentence = f"{where}: {first['msg']}; {OPENAPI} says what is understood"
    return await problems.answer(request, BadRequest(sentence))
