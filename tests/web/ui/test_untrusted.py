import pytest
from selectolax.lexbor import LexborHTMLParser

from cloche.core.model import project_name
from cloche.web.ui.pages import problem
from tests.web.ui.reading import text
from tests.web.ui.world import MAIN, World, core_metadata

pytestmark = pytest.mark.anyio

BASE = "http://127.0.0.1:8080"
EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>"


def check_harmless(html: str) -> None:
    """Nothing in the page runs but its own script, and nothing is loaded but images."""
    tree = LexborHTMLParser(html)
    assert len(tree.css("script")) == 1
    assert tree.css("iframe, object, embed, base, meta[http-equiv], link:not([rel=icon])") == []
    for element in tree.css("*"):
        for name, value in element.attributes.items():
            assert not name.startswith("on"), element.html
            assert name not in {"style", "srcset", "srcdoc", "formaction"}, element.html
            if name in {"href", "src"}:
                check_address(element.tag, value or "")


# What is relative stays on this server; of that, the policy lets no image be loaded.
def check_address(tag: str | None, address: str) -> None:
    scheme, colon, _ = address.partition(":")
    if tag != "link":
        assert not colon or scheme in {"http", "https", "mailto"}


@pytest.mark.parametrize("content_type", ["text/markdown", "text/x-rst", "text/plain", EVIL])
async def test_metadata_cannot_inject_anything(world: World, content_type: str) -> None:
    """Every field of the metadata is shown as text, and no unsafe link is made of one."""
    told = core_metadata(
        f'{EVIL}\n\n[a](javascript:alert(1)) `b <javascript:alert(1)>`__ <b style="top:0">c</b>',
        Description_Content_Type=content_type,
        Summary=EVIL,
        License=EVIL,
        Author=EVIL,
        Maintainer_email=EVIL,
        Home_page="javascript:alert(1)",
        Project_URL=[
            f"{EVIL}, https://acme.test/{EVIL}",
            "Script, javascript:alert(1)",
            "Data, data:text/html,<script>alert(1)</script>",
            "Inside, https://user:secret@acme.test/",
        ],
        Requires_Dist=[EVIL, f"foo{EVIL}", "bar ; " + EVIL],
        Classifier=[EVIL],
    )
    await world.upload("acme-1.0-py3-none-any.whl", told)

    page = await world.pages.project(MAIN, project_name("acme"), BASE)

    check_harmless(page)
    assert EVIL in text(page)
    assert "javascript:" not in "".join(
        each.attributes["href"] or "" for each in LexborHTMLParser(page).css("a[href]")
    )


async def test_an_upstreams_page_cannot_inject_anything(world: World) -> None:
    """Filenames, reasons, requirements and states of an upstream are shown as text."""
    wheel = {
        "filename": "acme-1.0'><script>alert(1)<x>.tar.gz",
        "yanked": EVIL,
        "requires-python": EVIL,
    }
    acme = world.offer("acme", wheel, **{"project-status": {"status": EVIL, "reason": EVIL}})

    page = await world.pages.project(MAIN, acme, BASE)

    check_harmless(page)
    assert text(page).count(EVIL) == 2  # the status is none that PEP 792 knows


async def test_a_search_cannot_inject_anything(world: World) -> None:
    """What was searched for comes back as text."""
    await world.upload("acme-1.0.tar.gz")

    page = await world.pages.home(MAIN, BASE, "anyone", query=EVIL)

    check_harmless(page)
    assert f"“ {EVIL} ”" in text(page)


async def test_a_forged_host_cannot_inject_anything(world: World) -> None:
    """A base URL made of a forged Host stays text, and one word to the shell."""
    page = await world.pages.home(MAIN, f"http://evil$(rm -rf x){EVIL}", "anyone")

    check_harmless(page)
    assert "pip install --index-url 'http://evil$(rm" in text(page)


def test_a_problem_cannot_inject_anything() -> None:
    """What went wrong is told as text."""
    page = problem(404, EVIL, EVIL)

    check_harmless(page)
    assert text(page).count(EVIL) == 2
