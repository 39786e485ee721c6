"""The upstream that asks nobody."""

import pytest

from cloche.core.errors import NoSuchFile, NoSuchProject
from tests.upstreams.samples import NAME, nameless, opened

pytestmark = pytest.mark.anyio


async def test_what_was_carried_here() -> None:
    """A page that is kept stays as it is; another there is none of, until a bundle brings it."""
    port = opened("bundle", {})

    received = await port.page(NAME, '"etag"')
    assert (received.document, received.etag) == (None, '"etag"')
    with pytest.raises(NoSuchProject) as caught:
        await port.page(NAME, None)
    assert caught.value.max_age == 0
    await port.close()


async def test_bytes_that_are_gone() -> None:
    """A file whose bytes are not here is missed, and what helps is said."""
    with pytest.raises(NoSuchFile, match="apply the bundles to pypi again"):
        opened("bundle", {}).transfer(nameless("https://bundle.invalid/x"), 0, None)
