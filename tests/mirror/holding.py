"""What lies in a mirror's database and blobs, read without the program that put it there."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from cloche.core.model import ProjectName
from cloche.core.wire import read_page
from tests.mirror.world import Expected

PAGES = """
    SELECT pages.project, documents.body, documents.content_type, documents.url
    FROM pages JOIN documents ON documents.id = pages.document
    WHERE pages.upstream = 'mirrored'
"""
HELD = "SELECT project, filename, digest, size FROM held WHERE upstream = 'mirrored'"
MOST = 10_000


@dataclass(frozen=True, slots=True)
class Holding:
    """The data of a mirror that no program runs on."""

    data: Path

    def differences(self, expected: Expected) -> list[str]:
        """What is otherwise than expected, each in a line: rows of pages and files, and bytes."""
        return sorted([*self._pages(expected), *self._files(expected)])

    def files(self) -> dict[str, set[str]]:
        """The distributions that are held, by the names of their projects."""
        found: dict[str, set[str]] = {}
        for project, filename, _, _ in self._rows(HELD):
            if not filename.endswith(".metadata"):
                found.setdefault(project, set()).add(filename)
        return found

    def unsound(self) -> list[str]:
        """What the database finds wrong with itself."""
        return [text for (text,) in self._rows("PRAGMA integrity_check") if text != "ok"]

    def _pages(self, expected: Expected) -> Iterator[str]:
        should = {
            (name, one, fact.sha256, fact.yanked)
            for name, files in expected.items()
            for one, fact in files.items()
        }
        has = set(self._listed())
        yield from (f"listed, and should not be: {each}" for each in has - should)
        yield from (f"not listed: {each}" for each in should - has)

    def _listed(self) -> Iterator[tuple[str, str, str, bool | str]]:
        for project, body, content_type, url in self._rows(PAGES):
            plain = zstandard.ZstdDecompressor().decompress(body)
            page = read_page(ProjectName(project), plain, content_type, url, max_files=MOST)
            for file in page.files:
                yield project, file.filename, file.hashes["sha256"], file.yanked

    def _files(self, expected: Expected) -> Iterator[str]:
        """Files held beyond what is expected are no fault here: policies may keep them."""
        held = {(row[0], row[1]): row[2] for row in self._rows(HELD)}
        for name, files in expected.items():
            for one, fact in files.items():
                digest = held.get((name, one))
                if digest != (fact.sha256 if fact.had else None):
                    yield f"held of {one}: {digest}"
                beside = held.get((name, f"{one}.metadata"))
                if fact.had and beside != fact.metadata_sha256:
                    yield f"held of {one}.metadata: {beside}"
        for digest in set(held.values()):
            if not self._is_right(digest):
                yield f"blob {digest}"

    def _is_right(self, digest: str) -> bool:
        path = self.data / "blobs/sha256" / digest[:2] / digest
        return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == digest

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.data / "cloche.db")) as connection:
            return list(connection.execute(query))
