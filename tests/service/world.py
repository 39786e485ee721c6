"""Indexes over upstreams that are fakes, each with a page for every project it has."""

from typing import Any

from cloche.core.index import Index
from cloche.core.model import ProjectName
from cloche.ports import Document, Upstream
from tests.fakes import FakeUpstream
from tests.service.worker import Employ, Options, Worker, listing


def source(name: str, *projects: str, version: str = "1.0", **other: Any) -> FakeUpstream:
    """An upstream that has such projects, each with one file, and remembers who was asked for."""
    pages = {
        ProjectName(project): Document(
            body=listing(project, f"{project}-{version}-py3-none-any.whl"),
            content_type="application/vnd.pypi.simple.v1+json",
            url=f"http://{name}/simple/{project}/",
        )
        for project in projects
    }
    return FakeUpstream(name=name, pages=pages, **other)


class World:
    """A worker over fake upstreams, and indexes as told: by their sources, or all settings."""

    def __init__(self, employ: Employ) -> None:
        self._employ = employ

    async def __call__(
        self,
        *upstreams: FakeUpstream,
        offline: bool = False,
        **indexes: tuple[str, ...] | dict[str, Any],
    ) -> Worker:
        remote: dict[str, Upstream] = {one.name: one for one in upstreams}
        made = {
            name: Index(name=name, **(said if isinstance(said, dict) else {"sources": said}))
            for name, said in indexes.items()
        }
        return await self._employ(Options(remote=remote, indexes=made, offline=offline))
