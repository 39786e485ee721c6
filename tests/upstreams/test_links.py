"""Pages of links: taken apart by project, bounded, and on this machine too."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cloche.core.errors import NoSuchProject, UpstreamDown, UpstreamLies
from cloche.core.model import ProjectName
from cloche.ports import Upstream as Port
from cloche.service.sight import artifact_of
from tests.packages import wheel
from tests.upstream import kinds
from tests.upstream.controller import Upstream
from tests.upstreams.samples import DEMO, NAME, artifact, fetched, opened, parsed

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def links(url: str | Path, **other: Any) -> AsyncIterator[Port]:
    made = opened("links", {"url": str(url), **other})
    yield made
    await made.close()


async def test_projects_are_told_apart(upstream: Upstream) -> None:
    """Each project's page has its own files, with all that their links say."""
    upstream.add(DEMO, yanked="broken & bad", requires_python=">=3.9")
    upstream.add(wheel("other", "1.0"))
    async with links(upstream.links) as port:
        (file,) = parsed(await port.page(NAME, None)).files
        other = ProjectName("other")
        (another,) = parsed(await port.page(other, None), other).files

    assert (file.yanked, file.requires_python) == ("broken & bad", ">=3.9")
    assert another.filename == "other-1.0-py3-none-any.whl"


async def test_one_look_answers_for_all_projects(upstream: Upstream) -> None:
    """Asking for many projects costs one request."""
    upstream.add(DEMO)
    async with links(upstream.links) as port:
        await port.page(NAME, None)
        with pytest.raises(NoSuchProject):
            await port.page(ProjectName("other"), None)

    assert len(upstream.requests()) == 1


async def test_the_page_is_asked_for_by_its_etag(upstream: Upstream) -> None:
    """A page that has not changed is not sent again, and still answers."""
    upstream.add(DEMO)
    upstream.misbehave("/links", kinds.CacheControl(value="no-cache"))
    async with links(upstream.links) as port:
        etag = (await port.page(NAME, None)).etag
        assert (await port.page(NAME, etag)).document is None

    assert [one.status for one in upstream.requests()] == [200, 304]


async def test_credentials(upstream: Upstream) -> None:
    """User and password go to the page and to files of its origin, and into no message."""
    upstream.add(wheel("other", "1.0"))
    url = upstream.links.replace("://", "://me:word@")
    async with links(url) as port:
        other = ProjectName("other")
        (file,) = parsed(await port.page(other, None), other).files
        await fetched(port, artifact_of("pypi", other, file))
    async with links(url.replace("/links", "/nothing")) as port:
        with pytest.raises(UpstreamDown) as told:
            await port.page(NAME, None)

    assert all("authorization" in one.headers for one in upstream.requests())
    assert "word" not in str(told.value)


async def test_a_page_that_is_not_there(upstream: Upstream) -> None:
    """A missing page is an outage: that its projects are gone, nobody has said."""
    async with links(f"{upstream.url}/nothing") as port:
        with pytest.raises(UpstreamDown):
            await port.page(NAME, None)


BAD = {
    "no links": "<html><body>log in</body></html>",
    "other links": '<a href="/login">log in</a>',
    "nothing": "",
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
async def test_a_page_without_distributions(tmp_path: Path, body: str) -> None:
    """A page that links to no distribution is no page of links."""
    page = tmp_path / "links.html"
    page.write_text(body)
    async with links(page) as port:
        with pytest.raises(UpstreamLies):
            await port.page(NAME, None)


async def test_bounds(upstream: Upstream) -> None:
    """Too many links, too long a page and another kind of document are refused."""
    upstream.add(DEMO)
    upstream.add(wheel("other", "1.0"))
    for bound in ({"max_links": 1}, {"max_page_bytes": 100}):
        async with links(upstream.links, **bound) as port:
            with pytest.raises(UpstreamLies):
                await port.page(NAME, None)
    upstream.misbehave("/links", kinds.MediaType(value="application/json"))
    async with links(upstream.links) as port:
        with pytest.raises(UpstreamLies, match="application/json"):
            await port.page(NAME, None)


async def test_a_page_on_this_machine(tmp_path: Path) -> None:
    """A local page may lead to files beside it, and is read again when it changes."""
    DEMO.write(tmp_path)
    page = tmp_path / "links.html"
    page.write_text(f'<a href="{DEMO.filename}">demo</a>')
    async with links(page) as port:
        assert (await fetched(port, await artifact(port)))[1] == DEMO.content
        page.write_text('<a href="other-1.0-py3-none-any.whl">other</a>')
        with pytest.raises(NoSuchProject):
            await port.page(NAME, None)


async def test_a_local_page_leads_no_further_than_its_folder(tmp_path: Path) -> None:
    """What lies outside of the page's own folder is not served, whatever the page links to."""
    inside = tmp_path / "inside"
    inside.mkdir()
    DEMO.write(tmp_path)
    page = inside / "links.html"
    page.write_text(f'<a href="../{DEMO.filename}">demo</a>')
    async with links(page) as port:
        with pytest.raises(UpstreamLies, match="leads nowhere"):
            await fetched(port, await artifact(port))


async def test_a_remote_page_leads_to_no_file_of_this_machine(upstream: Upstream) -> None:
    """A link from elsewhere to a file of this machine is no link."""
    upstream.add(DEMO, url="file:///srv/demo-1.0-py3-none-any.whl")
    upstream.add(wheel("demo", "2.0"))
    body = '<a href="file:///srv/demo-1.0-py3-none-any.whl">x</a>'
    upstream.misbehave("/links", kinds.Verbatim(content=body.encode(), media_type="text/html"))
    async with links(upstream.links) as port:
        received = await port.page(NAME, None)

    with pytest.raises(UpstreamLies):
        parsed(received)
