"""The page that says why: sources, and what is withheld."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from msgspec import Struct
from msgspec.structs import replace

from cloche.core.model import project_name
from cloche.core.policy import Candidate, Clause, Objection, Offer
from cloche.service.view import View
from tests.fakes import NOW
from tests.server import Cloche
from tests.web.ui.reading import all_of
from tests.web.ui.world import MAIN, World

pytestmark = pytest.mark.anyio

ACME = project_name("acme")


class Minds(Struct, frozen=True):
    """A rule that minds every wheel, in words that are not to be trusted."""

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        for each in offer.candidates:
            if each.file.filename.endswith(".whl"):
                yield each, Objection("<b>a wheel</b>", now + timedelta(days=1))


def ruled(view: View) -> None:
    """Give the index `main` a rule."""
    clause = Clause(name="minds", kind="minds", rule=Minds())
    assert isinstance(view.indexes, dict)
    view.indexes["main"] = replace(MAIN, clauses=(clause,))


async def test_what_is_withheld_is_told(world: World) -> None:
    """Each withheld file stands there with its rule, reason and end; all is escaped."""
    ruled(world.pages.view)
    wheel, sdist = "acme-1.0-py3-none-any.whl", "acme-1.0.tar.gz"
    world.offer("acme", {"filename": wheel}, {"filename": sdist})

    page = await world.pages.why(MAIN, ACME, root="../../../")

    (told,) = [entry for entry in all_of(page, ".files li") if wheel in entry]
    assert "denied" in told
    assert "deny by rule minds of index main: <b>a wheel</b>" in told
    assert f"until {NOW + timedelta(days=1):%Y-%m-%d %H:%M} UTC" in told
    assert "<b>a wheel</b>" not in page
    assert sdist not in page
    assert "1 listed, 0 hidden, 1 denied" in all_of(page, "#files")[0]


async def test_the_sources_are_told(world: World) -> None:
    """Who was asked, and what came of it, also where nobody has the project."""
    page = await world.pages.why(MAIN, ACME, root="../../../")

    steps = all_of(page, ".files li")
    assert [("uploads to main" in step, "pypi" in step) for step in steps] == [
        (True, False),
        (False, True),
    ]
    assert "index main has no project acme" in page
    assert "No rule objects to any file." in page


async def test_the_project_page_leads_there(world: World) -> None:
    """The project's page says how many files are withheld, and links to why."""
    ruled(world.pages.view)
    world.offer("acme", {"filename": "acme-1.0-py3-none-any.whl"}, {"filename": "acme-1.0.tar.gz"})

    page = await world.pages.project(MAIN, ACME, "http://127.0.0.1:8080")

    assert "1 more is withheld by rules." in page
    assert '<a href="why/">' in page


def test_it_is_served(server: Cloche) -> None:
    """The page is at `why/` below the project's, in every index; names are in normal form."""
    for prefix in ("", "/team/dev", "/main"):
        reply = server.get(f"{prefix}/project/why-nobody/why/", {"Accept": "text/html"})
        assert reply.status == 200, reply
        assert b"no project why-nobody" in reply.body
        moved = server.get(f"{prefix}/project/Why_Nobody/why/", {"Accept": "text/html"})
        assert (moved.status, moved.headers["location"]) == (301, "../../why-nobody/why/")
