import pytest
from msgspec.structs import replace

from cloche.core.index import Index
from tests.web.ui.reading import all_of, links, text
from tests.web.ui.world import MAIN, TEAM, World

pytestmark = pytest.mark.anyio

BASE = "http://127.0.0.1:8080"


async def test_lines_to_copy_have_the_real_urls(world: World) -> None:
    """Every tool's line names the URL of the index that was asked."""
    page = await world.pages.home(TEAM, f"{BASE}/team/dev", "anyone")

    lines = all_of(page, ".commands code")
    assert f"pip install --index-url {BASE}/team/dev/simple/ PACKAGE" in lines
    assert f"uv pip install --default-index {BASE}/team/dev/simple/ PACKAGE" in lines
    assert f"twine upload --repository-url {BASE}/team/dev/legacy/ -u __token__ dist/*" in lines
    assert f"uv publish --publish-url {BASE}/team/dev/legacy/ --token TOKEN" in lines


async def test_an_index_without_uploads_offers_no_line_to_upload(world: World) -> None:
    """Only an index that takes uploads tells how to upload."""
    page = await world.pages.home(replace(MAIN, uploads=False), BASE, "anyone")

    assert "/legacy/" not in page


async def test_who_may_read_and_the_sources_are_said(world: World) -> None:
    """A person learns who may install, and where the index looks."""
    said = text(await world.pages.home(TEAM, BASE, "the members of staff"))

    assert "Installing is open to the members of staff." in said
    assert "takes uploads and draws on main, pypi." in said


async def test_an_empty_index_says_what_to_do_first(world: World) -> None:
    """Where nothing is held, the page tells how that changes, and shows no search."""
    page = await world.pages.home(MAIN, BASE, "anyone")

    assert "Nothing is held here yet." in text(page)
    assert all_of(page, "form") == []


async def test_uploaded_and_kept_projects_are_listed_alike(world: World) -> None:
    """The list has what was uploaded and what is kept of an upstream."""
    await world.upload("acme-1.0.tar.gz")
    demo = world.offer("demo", {"filename": "demo-1.0.tar.gz"})
    await world.pages.project(MAIN, demo, BASE)

    page = await world.pages.home(MAIN, BASE, "anyone")

    assert all_of(page, ".projects li") == ["acme", "demo"]
    assert links(page)["acme"] == "./main/project/acme/"


async def test_links_follow_the_root_that_is_given(world: World) -> None:
    """A page that does not lie at the root leads up to it first."""
    await world.upload("acme-1.0.tar.gz", index=TEAM)

    page = await world.pages.home(TEAM, BASE, "anyone", root="../../")

    assert links(page)["acme"] == "../../team/dev/project/acme/"
    assert links(page)["cloche"] == "../../team/dev/"


@pytest.mark.parametrize("query", ["Data_Frame", " data.frame ", "a-f"])
async def test_search_compares_normal_forms(world: World, query: str) -> None:
    """A name is found by a part of it, however that is spelt."""
    for name in ("big_data_frames", "other", "dataframe"):
        await world.upload(f"{name}-1.0.tar.gz")

    page = await world.pages.home(MAIN, BASE, "anyone", query=query)

    assert all_of(page, ".projects li") == ["big-data-frames"]


async def test_search_that_finds_nothing_offers_to_ask_the_sources(world: World) -> None:
    """What is not held may exist upstream, and its page is one click away."""
    await world.upload("acme-1.0.tar.gz")

    page = await world.pages.home(MAIN, BASE, "anyone", query="Flask_Login")

    assert "None of those held here" in text(page)
    assert links(page)["look for flask-login"] == "./main/project/flask-login/"


async def test_an_index_without_sources_does_not_offer_to_look_elsewhere(world: World) -> None:
    """Nobody is sent to look where nothing can be."""
    alone = Index(name="main", uploads=True, default=True)
    await world.upload("acme-1.0.tar.gz")

    page = await world.pages.home(alone, BASE, "anyone", query="flask")

    assert not any(label.startswith("look for") for label in links(page))


async def test_of_many_projects_the_first_500_are_listed(world: World) -> None:
    """A long list is cut in the alphabet's order, and the page says how many there are."""
    for number in range(1200):
        await world.upload(f"p{number:04}-1.0.tar.gz")

    page = await world.pages.home(MAIN, BASE, "anyone")

    assert all_of(page, ".projects li") == [f"p{number:04}" for number in range(500)]
    assert "Projects 1,200" in text(page)
    assert "These are the first 500 in the alphabet." in text(page)
