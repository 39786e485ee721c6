"""Rules over PyPI's JSON: one release of a project tells for all of it."""

from typing import Any

import pytest

from cloche.core.index import Index
from cloche.core.model import ProjectName
from tests.packages import wheel
from tests.rules.samples import clause
from tests.service.worker import Clock, Employ, Options, names
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

DEMO = ProjectName("demo")


def under(clock: Clock, **settings: Any) -> Options:
    """An index over the fake upstream with a rule over its JSON."""
    rule = clause("pypi_json", **settings)
    return Options(
        clock=clock, indexes={"main": Index(name="main", sources=("pypi",), clauses=(rule,))}
    )


def publish(upstream: Upstream) -> list[str]:
    built = [
        wheel("demo", version, fields=[("Keywords", said), ("Description", f"Of {said}")])
        for version, said in (("1.0", "milk"), ("2.0", "cheese"), ("3.0a1", "wine"))
    ]
    for each in built:
        upstream.add(each)
    return [each.filename for each in built]


def told(upstream: Upstream) -> set[str]:
    """Of which files the metadata was asked for."""
    paths = (one.path for one in upstream.requests("/files/demo/"))
    return {path.rsplit("/")[-1].removesuffix(".metadata") for path in paths}


@pytest.mark.parametrize(
    ("path", "wanted"), [("info.keywords", "^cheese$"), ("info.description", "^Of cheese")]
)
async def test_the_current_release_tells(
    upstream: Upstream, employ: Employ, clock: Clock, path: str, wanted: str
) -> None:
    """The newest final release is looked at, and no other; all versions stand or fall with it."""
    files = publish(upstream)
    node = await employ(under(clock, path=path, any=[wanted]))
    sight = (await node.shelf.get("main", DEMO)).sight

    assert set(names(sight.page)) == set(files)
    assert told(upstream) == {files[1]}

    other = await employ(under(clock, path=path, none=[wanted]))
    assert set((await other.shelf.get("main", DEMO)).sight.withheld) == set(files)


async def test_a_path_of_the_page_costs_no_question(
    upstream: Upstream, employ: Employ, clock: Clock
) -> None:
    """What the page tells is not looked for; the serial is the journal's."""
    files = publish(upstream)
    node = await employ(under(clock, path="last_serial", any=["^[1-9]"], none=["^77$"]))

    assert set(names((await node.shelf.get("main", DEMO)).sight.page)) == set(files)
    assert told(upstream) == set()
