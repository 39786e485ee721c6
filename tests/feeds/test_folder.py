"""Advisories in a folder of this machine."""

from pathlib import Path

import pytest

from cloche.core.errors import BadSetting, UpstreamLies
from cloche.feeds import folder
from tests.feeds.conftest import MAX_BYTES, Open
from tests.feeds.test_conformance import fetched, validator_of
from tests.osv import document

pytestmark = pytest.mark.anyio

ONE, TWO = document("A-1"), document("A-2")


async def test_a_folder(tmp_path: Path, opened: Open) -> None:
    """Each file of JSON comes, from folders in it too, and nothing that a link leads to."""
    inner = tmp_path / "osv" / "PyPI"
    inner.mkdir(parents=True)
    (inner / "one.json").write_bytes(ONE)
    (tmp_path / "osv" / "two.json").write_bytes(TWO)
    (tmp_path / "osv" / "README.md").write_bytes(b"words")
    (tmp_path / "elsewhere.json").write_bytes(document("A-3"))
    (tmp_path / "osv" / "link.json").symlink_to(tmp_path / "elsewhere.json")

    assert await fetched(opened(str(tmp_path / "osv"))) == [ONE, TWO]


async def test_a_folder_that_changes(tmp_path: Path, opened: Open) -> None:
    """A folder has something new when a file in it comes, goes or is another one."""
    (tmp_path / "osv").mkdir()
    (tmp_path / "osv" / "one.json").write_bytes(ONE)
    feed = opened((tmp_path / "osv").as_uri())
    seen = {await validator_of(feed)}

    (tmp_path / "osv" / "two.json").write_bytes(TWO)
    seen.add(await validator_of(feed))
    (tmp_path / "osv" / "two.json").write_bytes(TWO + b" ")
    seen.add(await validator_of(feed))

    assert len(seen) == 3
    assert await fetched(feed, await validator_of(feed)) is None


async def test_a_folder_of_too_much(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of more bytes or files than are allowed is refused before it is read."""
    (tmp_path / "osv").mkdir()
    (tmp_path / "osv" / "one.json").write_bytes(b" " * (MAX_BYTES + 1))
    feed = opened(str(tmp_path / "osv"))
    with pytest.raises(UpstreamLies, match="max_bytes"):
        await fetched(feed)

    monkeypatch.setattr(folder, "MAX_DOCUMENTS", 0)

    with pytest.raises(UpstreamLies, match="over 0 files"):
        await fetched(feed)


@pytest.mark.parametrize("address", ["ftp://host/all.zip", "file://", "s3://bucket", "https://"])
def test_what_is_no_place(opened: Open, address: str) -> None:
    """An address that is none is an error that says what one looks like."""
    with pytest.raises(BadSetting, match=r"advisories\.osv\.address"):
        opened(address)
