"""The reference of the HTTP interface says what the server does."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from starlette.applications import Starlette
from starlette.routing import Match, Route

from cloche.app.application import Application
from cloche.config import load
from cloche.web import problems, requestlog
from cloche.web.api.application import Api
from cloche.web.management import Management
from tests.docs import markdown

pytestmark = pytest.mark.anyio

PAGE = markdown.DOCS / "reference" / "http.md"
SECTIONS = markdown.sections(PAGE.read_text())
PROJECT = "/-/api/v1/indexes/{index}/projects/{project}"
SAMPLES = {
    "{index}": "main",
    "{project}": "acme",
    "{key}": "0" * 64,
    "{filename}": "acme-1.zip",
    "{version}": "1",
    "{when}": "2026-03-01",
    "{path}": "a/b",
    "{python}": "source",
    "{letter}": "a",
    "{head}": "0" * 3,
    "{tail}": "0" * 13,
}


@pytest.fixture
async def routes(tmp_path: Path) -> AsyncIterator[list[Route]]:
    """Every route of a server without settings."""
    application = Application(load(data=tmp_path, environ={}))
    inner: object = application
    while not isinstance(inner, Starlette):
        # Each layer holds the next one; which it is, only the innermost can say.
        inner = vars(inner).get("_edge") or vars(inner)["_app"]
    async with inner.router.lifespan_context(inner):
        yield [route for route in inner.routes if isinstance(route, Route)]


def documented() -> list[tuple[str, str]]:
    """Method and path of each address in the table."""
    return [
        (row["method"].strip("`"), row["path"].strip("`"))
        for row in markdown.rows(SECTIONS["Addresses"])
    ]


async def test_every_route_is_documented(routes: list[Route]) -> None:
    """Each route of the application answers for an address that is documented."""
    missing = [
        (sorted(route.methods or ()), route.path)
        for route in routes
        if not any(_answers(route, method, path) for method, path in documented())
    ]

    assert missing == []


async def test_every_documented_address_is_there(routes: list[Route]) -> None:
    """Each documented address has a route that takes its method."""
    lost = [
        (method, path)
        for method, path in documented()
        if not any(_answers(route, method, path) for route in routes)
    ]

    assert lost == []


async def test_the_management_api_is_documented(routes: list[Route]) -> None:
    """The table of the management API lists each operation of its OpenAPI, and no other."""
    (door,) = [route.endpoint for route in routes if isinstance(route.endpoint, Management)]
    api = await door.ready()
    assert isinstance(api, Api)
    described = {
        (method.upper(), path.removeprefix(PROJECT))
        for path, methods in api.openapi()["paths"].items()
        for method in methods
    }

    rows = markdown.rows(SECTIONS["Management"])
    listed = {(row["method"].strip("`"), row["path"].strip("`")) for row in rows}
    assert described == listed


def test_every_problem_is_documented() -> None:
    """The table of errors lists each status with its title, and no other."""
    listed = {(int(row["status"]), row["title"]) for row in markdown.rows(SECTIONS["Errors"])}

    assert listed == {(int(status), title) for status, title in problems.STATUS.values()}


def test_every_metric_is_documented() -> None:
    """The reference and the page on monitoring list each metric of the server's own, by type."""
    monitor = markdown.sections((markdown.DOCS / "how-to" / "monitor.md").read_text())["Metrics"]
    own = {
        f"{metric.name}_total" if metric.type == "counter" else metric.name: metric.type
        for metric in REGISTRY.collect()
        if metric.name.startswith("cloche_")
    }
    listed = {row["metric"].strip("`"): row["type"] for row in markdown.rows(SECTIONS["Metrics"])}

    assert listed == own
    assert {row["metric"].strip("`") for row in markdown.rows(monitor) if "metric" in row} == set(
        own
    )


def test_every_kind_of_request_is_documented() -> None:
    """The page names each value that the label `kind` can have for requests."""
    assert set(markdown.code(SECTIONS["Metrics"])) >= requestlog.KINDS | {"other"}


def _answers(route: Route, method: str, path: str) -> bool:
    for name, sample in SAMPLES.items():
        path = path.replace(name, sample)
    path, _, query = path.partition("?")
    asked = {"type": "http", "method": method, "path": path, "root_path": ""}
    # What programs alone ask for has routes of its own at addresses that people have as well.
    headers = [(b"accept", b"application/json"), (b"content-type", b"text/xml")]
    match, _ = route.matches({**asked, "query_string": query.encode(), "headers": headers})
    return match is Match.FULL
