"""What PyPI Cloud notes with the objects of its bucket."""

from collections.abc import Mapping
from typing import TypeAlias

import pytest

from cloche import stocks
from cloche.ports import Find
from tests.packages import Built
from tests.services.s3 import Bucket
from tests.stocks.samples import FILES, SALT, SALT_SDIST, pypicloud_key

pytestmark = pytest.mark.anyio

Notes: TypeAlias = Mapping[str, str]


def noted(built: Built, **other: str) -> dict[str, str]:
    """As its releases since 1.1 write it: underscores are hyphens there."""
    said = {"name": "salt", "version": "1.0", "summary": "x", "uploader": "alice"}
    return said | {"hash-sha256": built.sha256, "hash-md5": built.md5} | other


async def found(s3: Bucket, notes: Mapping[str, Notes], *, hashed: bool = True) -> dict[str, Find]:
    """What is found in a bucket of it where these are noted, by filename."""
    store = s3.store("cloud")
    for built in FILES:
        key = pypicloud_key(built) if hashed else f"salt/{built.filename}"
        await store.put_async(key, built.content, attributes={**notes.get(built.filename, {})})
    options = {
        "endpoint": s3.endpoint,
        "access_key_id": s3.access_key,
        "secret_access_key": s3.secret_key,
        "region": s3.region,
    }
    stock = await stocks.connect(f"{s3.url}/cloud", None, None, options)
    assert stock.kind == "pypicloud"
    lots = [lot async for lot in stock.lots()]
    assert [left for lot in lots for left in lot.left] == []
    return {find.filename: find for lot in lots for find in lot.finds}


@pytest.mark.parametrize("hashed", [True, False])
async def test_what_is_noted(s3: Bucket, *, hashed: bool) -> None:
    """Hashes and who uploaded a file come along, whether names begin with a digest or not."""
    finds = await found(s3, {built.filename: noted(built) for built in FILES}, hashed=hashed)

    assert finds.keys() == {built.filename for built in FILES}
    for built in FILES:
        find = finds[built.filename]
        assert find.hashes == {"sha256": built.sha256, "md5": built.md5}
        assert find.uploaded_by == "alice"


async def test_nothing_is_noted(s3: Bucket) -> None:
    """Older releases noted nothing: these files are found all the same."""
    finds = await found(s3, {SALT.filename: noted(SALT)})

    other = finds[SALT_SDIST.filename]
    assert (other.hashes, other.uploaded_by) == ({}, None)


async def test_nonsense_is_noted(s3: Bucket) -> None:
    """What is no hash is none; it keeps no file from being brought."""
    wrong = noted(SALT, **{"hash-sha256": "../../etc", "hash-md5": "x" * 500, "uploader": ""})

    finds = await found(s3, {SALT.filename: wrong})

    assert (finds[SALT.filename].hashes, finds[SALT.filename].uploaded_by) == ({}, None)
