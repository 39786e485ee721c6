from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url, update

from cloche.catalog import Catalog, connect
from cloche.catalog.schema import version
from cloche.core.errors import Error
from tests.catalog.samples import held, remove, sha256, upload

pytestmark = pytest.mark.anyio


async def test_uploads_and_held_files_are_referenced(catalog: Catalog) -> None:
    """The blobs of uploads, of their metadata and of held files are needed, and no others."""
    mine, theirs = upload(), held("theirs")
    await catalog.ledger.publish(mine)
    await catalog.pages.hold(theirs)
    assert mine.metadata is not None
    needed = {mine.digest, mine.metadata, theirs.digest}

    assert await catalog.upkeep.referenced([*needed, sha256("nobody's")]) == needed
    assert await catalog.upkeep.referenced([]) == set()


async def test_deleted_upload_is_not_referenced(catalog: Catalog) -> None:
    """A deleted upload needs its bytes no more, unless another index has them too."""
    for index in ("main", "team"):
        await catalog.ledger.publish(upload(index=index))

    await remove(catalog, upload().filename)
    assert await catalog.upkeep.referenced([upload().digest]) == {upload().digest}
    await remove(catalog, upload().filename, "team")
    assert await catalog.upkeep.referenced([upload().digest]) == set()


async def test_any_number_of_digests(catalog: Catalog) -> None:
    """More digests than one query takes are looked up all the same."""
    digests = [sha256(f"{number}") for number in range(2_300)]
    for number in (0, 499, 500, 2_299):
        await catalog.pages.hold(held(f"{number}"))

    found = await catalog.upkeep.referenced(iter(digests))

    assert found == {digests[number] for number in (0, 499, 500, 2_299)}


async def test_healthy_database(catalog: Catalog) -> None:
    """A database that can be used raises nothing."""
    await catalog.upkeep.check()


async def test_foreign_revision_is_ill(catalog: Catalog) -> None:
    """A database that another release has migrated meanwhile cannot be used."""
    with catalog.database.writing() as connection:
        connection.execute(update(version), {"version_num": "9999"})

    with pytest.raises(Error, match=r"9999.*restart"):
        await catalog.upkeep.check()


async def test_removed_file_is_ill(sqlite: str) -> None:
    """A database whose file was deleted is ill, although its open connections go on."""
    catalog = connect(sqlite)
    Path(sqlite.removeprefix("sqlite:///")).unlink()

    with pytest.raises(Error, match="put the file back"):
        await catalog.upkeep.check()
    await catalog.close()


async def test_standby_is_ill(postgres_url: str) -> None:
    """A PostgreSQL that takes no writes is ill."""
    await connect(postgres_url).close()
    with psycopg.connect(postgres_url, autocommit=True) as server:
        name = make_url(postgres_url).database
        server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    catalog = connect(postgres_url)

    with pytest.raises(Error, match="cannot be written to"):
        await catalog.upkeep.check()
    await catalog.close()
