"""Advisories on this machine: a folder of JSON files, with all folders in it, or one file."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cloche.core.errors import BadSetting, UpstreamDown, UpstreamLies
from cloche.feeds._documents import MAX_DOCUMENTS, documents, of_folder
from cloche.ports import Delivery, Feed, Spool


def connect(
    name: str,
    address: str,
    max_bytes: int,
    spool: Spool,  # noqa: ARG001  # every kind's signature
    options: Mapping[str, str],  # noqa: ARG001  # every kind's signature
) -> Feed:
    path = address.removeprefix("file://")
    if not path or "://" in path:
        raise BadSetting(
            f"advisories.{name}.address is {address!r}; it is a path, or begins with one of "
            "https://, http://, s3://"
        )
    return Folder(name, Path(path), max_bytes)


@dataclass(frozen=True, slots=True)
class Folder:
    name: str
    path: Path
    max_bytes: int

    @property
    def source(self) -> str:
        return str(self.path)

    @property
    def is_local(self) -> bool:
        return True

    @asynccontextmanager
    async def fetch(self, validator: str | None) -> AsyncIterator[Delivery | None]:
        try:
            files, stamp = await asyncio.to_thread(self._look)
        except OSError as e:
            raise UpstreamDown(
                f"advisories.{self.name}: {self.path} cannot be read ({e.strerror}); "
                "correct its path or its permissions"
            ) from None
        if stamp == validator:
            yield None
        elif self.path.is_dir():
            yield Delivery(of_folder(iter(files), self.name), stamp)
        else:
            yield Delivery(documents(self.path, self.name), stamp)

    def _look(self) -> tuple[list[Path], str]:
        """The files, and what changes when any of them does."""
        files = self._files() if self.path.is_dir() else [self.path]
        seen, size = hashlib.sha256(), 0
        for path in files:
            found = path.stat()
            size += found.st_size
            seen.update(os.fsencode(path) + b"\0%d %d\n" % (found.st_size, found.st_mtime_ns))
        if size > self.max_bytes:
            raise UpstreamLies(
                f"advisories.{self.name}: {self.path} has {size} bytes, more than max_bytes"
            )
        return files, seen.hexdigest()

    def _files(self) -> list[Path]:
        found: list[Path] = []
        for folder, _, names in os.walk(self.path):  # it follows no links
            found += [Path(folder, name) for name in names if name.endswith(".json")]
            if len(found) > MAX_DOCUMENTS:
                raise UpstreamLies(
                    f"advisories.{self.name}: {self.path} has over {MAX_DOCUMENTS} files"
                )
        return sorted(path for path in found if path.is_file() and not path.is_symlink())
