"""What was carried here in bundles, as an upstream: it asks nobody.

`cloche bundle apply` puts its pages and files where those of other upstreams are kept; so all that
is left to be asked here is what was not in a bundle, or is no more.
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, Struct

from cloche.core.errors import NoSuchFile, NoSuchProject
from cloche.core.model import Artifact, ProjectName
from cloche.ports import Received, Transfer, Upstream


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[upstream.NAME]` of kind "bundle"."""

    kind: str = "bundle"
    trust: tuple[str, ...] = ()  # public keys of whose bundles may be applied
    max_files: Annotated[int, Meta(ge=1)] = 100_000

    @property
    def url(self) -> str:
        return "bundle:"

    @property
    def is_local(self) -> bool:
        return True


def connect(name: str, settings: Settings) -> Upstream:  # noqa: ARG001 - the signature of every kind
    return _Bundle(name)


@dataclass(frozen=True, slots=True)
class _Bundle:
    name: str

    async def page(self, project: ProjectName, etag: str | None) -> Received:
        """Nothing new, of what was carried here; else there is no such project."""
        if etag is not None:
            return Received(document=None, etag=etag, max_age=None)
        # The next bundle may bring it: nobody is to remember that it was not there.
        raise NoSuchProject(f"{self.name} has no project {project}", max_age=0)

    def transfer(
        self,
        artifact: Artifact,
        start: int,  # noqa: ARG002 - the port's
        etag: str | None,  # noqa: ARG002 - the port's
    ) -> AbstractAsyncContextManager[Transfer]:
        raise NoSuchFile(
            f"{artifact.filename} was in no bundle, or its bytes are gone; apply the bundles to "
            f"{self.name} again"
        )

    async def close(self) -> None:
        pass
