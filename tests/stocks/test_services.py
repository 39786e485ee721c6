"""Bringing over into PostgreSQL and object storage what each kind of stock has."""

from contextlib import aclosing
from pathlib import Path

import pytest

from cloche.app.importing import importing
from cloche.app.services import opened
from cloche.config import Settings, load
from cloche.core.model import Digest, ProjectName
from cloche.service.imports import Brought, Event, Here, Refused
from tests.services.s3 import Bucket
from tests.stocks.samples import FILES, PLACES, SALT

pytestmark = pytest.mark.anyio

NAMES = {built.filename for built in FILES}
NAME = ProjectName("salt")


@pytest.fixture
def settings(tmp_path: Path, postgres_url: str, s3: Bucket) -> Settings:
    flags = {
        "server.offline": True,
        "store.database": postgres_url,
        "store.blobs": f"{s3.url}/blobs",
        "store.s3.endpoint": s3.endpoint,
        "store.s3.access_key_id": s3.access_key,
        "store.s3.secret_access_key": s3.secret_key,
        "store.s3.region": s3.region,
    }
    return load(None, tmp_path / "data", flags, {})


async def events(settings: Settings, source: Path) -> list[Event]:
    async with opened(settings, patience=0) as services:
        made = await importing(
            settings, services, str(source), "main", kind=None, part=None, way="copy"
        )
        async with aclosing(made.run(jobs=2)) as told:
            return [event async for event in told]


@pytest.mark.parametrize("name", PLACES)
async def test_each_kind(settings: Settings, tmp_path: Path, name: str) -> None:
    """All of it is brought, once, and served; on this disk stays nothing of it."""
    PLACES[name](tmp_path / "stock")

    first = await events(settings, tmp_path / "stock")
    second = await events(settings, tmp_path / "stock")

    assert {event.filename for event in first if isinstance(event, Brought)} == NAMES
    assert {event.filename for event in second if isinstance(event, Here)} == NAMES
    assert not [event for event in (*first, *second) if isinstance(event, Refused)]
    async with opened(settings, patience=0) as services:
        page = (await services.shelf.get("main", NAME)).page
        files = {file.filename: file for file in page.files}
        for built in FILES:
            wanted = await services.files.find(
                "main", NAME, files[built.filename].key, built.filename
            )
            body = await services.files.open(wanted, 0, None)
            assert b"".join([chunk async for chunk in body.chunks]) == built.content
        assert await services.blobs.size(Digest(SALT.sha256)) == SALT.size
    left = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert [path for path in left if path.stat().st_size >= SALT.size] == []
