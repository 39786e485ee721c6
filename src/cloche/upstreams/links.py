"""A page of links to files of many projects, remote or on this machine (`--find-links`)."""

import asyncio
import hashlib
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

from yarl import URL

from cloche.core.errors import BadSetting, NoSuchFile, NoSuchProject, UpstreamDown, UpstreamLies
from cloche.core.findlinks import split
from cloche.core.model import Artifact, ProjectName
from cloche.core.negotiation import Format
from cloche.ports import Document, Received, Rolled, Transfer, Upstream
from cloche.upstreams._local import Below, transfer
from cloche.upstreams._reaching import is_address
from cloche.upstreams._remote import Count, Remote
from cloche.upstreams._simple import Simple

HOLD = 60.0  # seconds, at most, for which one look at the page answers for all projects
HTML = {Format.HTML, Format.HTML_V1, "application/xhtml+xml"}


class Settings(Remote, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[upstream.NAME]` of kind "links"."""

    kind: str = "links"
    url: str  # http(s), or the path of a file on this machine
    max_links: Count = 500_000


def connect(name: str, settings: Settings) -> Upstream:
    """Open the upstream; nothing is read yet. Raise BadSetting when its address is none."""
    if is_address(settings.url):
        return _Links(name, settings, settings.url, None)
    page = Path(settings.url.removeprefix("file://")).absolute()
    if page.is_dir() or not page.is_file():
        raise BadSetting(
            f"upstream {name}: {settings.url!r} is neither an address nor a file; give the URL or "
            'the path of an HTML page of links (for a folder of files: kind = "directory")'
        )
    return _Links(name, settings, page.as_uri(), Below(name, page.parent))


class _Links:
    def __init__(self, name: str, settings: Settings, url: str, below: Below | None) -> None:
        self.name = name
        self._settings = settings
        # Without user and password, which go to the page's own origin and into no message.
        self._url = str(URL(url).with_user(None)) if below is None else url
        self._below = below  # the folder of a page on this machine
        self._remote = Simple(name, url, settings)
        self._pages: dict[ProjectName, bytes] = {}
        self._seen = Received(document=None, etag=None, max_age=0)
        self._found_at = self._url
        self._until = 0.0
        self._turn = asyncio.Lock()

    async def close(self) -> None:
        await self._remote.close()

    async def page(self, project: ProjectName, etag: str | None) -> Received:
        async with self._turn:
            await self._look()
            body, age = self._pages.get(project), self._seen.max_age
        if body is None:
            raise NoSuchProject(f"{self.name} links to no file of {project}", max_age=age)
        own = f'"{hashlib.sha256(body).hexdigest()}"'
        if own == etag:
            return Received(document=None, etag=own, max_age=age)
        document = Document(body=body, content_type=Format.HTML, url=self._found_at)
        return Received(document=document, etag=own, max_age=age)

    async def roll(self, etag: str | None) -> Rolled | None:  # noqa: ARG002 - pages tell
        async with self._turn:
            await self._look()
            return Rolled(projects=dict.fromkeys(self._pages, 0))

    def transfer(
        self, artifact: Artifact, start: int, etag: str | None
    ) -> AbstractAsyncContextManager[Transfer]:
        if self._below is None or urlsplit(artifact.url).scheme in {"http", "https"}:
            return self._remote.transfer(artifact, start, etag)
        return transfer(self._below, artifact, start, etag, self._settings.max_file_bytes)

    async def _look(self) -> None:
        """Ask for the page, unless that was done a moment ago, and take it apart if it is new."""
        if monotonic() < self._until:
            return
        if self._below is None:
            received = await self._remote.ask(self._url, self._seen.etag)
        else:
            received = await asyncio.to_thread(self._read, self._below)
        if received is None:
            raise UpstreamDown(
                f"{self.name} has no page where one should be; check url of [upstream.{self.name}]"
            )
        if received.document is not None:
            self._pages = await asyncio.to_thread(self._split, received.document)
            self._found_at = received.document.url
        self._seen = Received(document=None, etag=received.etag, max_age=received.max_age)
        age = HOLD if received.max_age is None else min(HOLD, received.max_age)
        self._until = monotonic() + age

    def _read(self, below: Below) -> Received:
        """The page on this machine, if it is another than before."""
        try:
            file, stamp = below.open(below.path(self._url))
        except NoSuchFile as e:
            raise UpstreamDown(str(e)) from None
        with file:
            if stamp.etag == self._seen.etag:
                return Received(document=None, etag=stamp.etag, max_age=0)
            if stamp.size > self._settings.max_page_bytes:
                raise UpstreamLies(f"{self.name} is longer than max_page_bytes allows")
            body = file.read(self._settings.max_page_bytes)
        document = Document(body=body, content_type=Format.HTML, url=self._url)
        return Received(document=document, etag=stamp.etag, max_age=0)

    def _split(self, document: Document) -> dict[ProjectName, bytes]:
        kind = document.content_type.partition(";")[0].strip().lower()
        if kind not in HTML:
            raise UpstreamLies(f"{self.name} is {kind or 'of no type'}, not a page of links")
        return split(self.name, document.body, document.url, self._settings.max_links)
