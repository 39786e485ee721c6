"""An index that is lent to tools."""

import base64
import http.client
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cloche.app.loopback import Loopback
from cloche.config import load
from cloche.core.building import Given
from tests.packages import wheel

pytestmark = pytest.mark.anyio

ACME = wheel("acme", "1.0")
CONFIG = """
[upstream.here]
kind = "directory"
path = "{folder}"

[index.main]
sources = ["here"]
read = "anyone"
"""


def ask(url: str, path: str, secret: str = "") -> tuple[int, bytes]:
    address = urlsplit(url).netloc
    basic = base64.b64encode(f"__token__:{secret}".encode()).decode()
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        connection.request(
            "GET", path, headers={"Authorization": f"Basic {basic}"} if secret else {}
        )
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


async def test_only_guests_read_it(tmp_path: Path) -> None:
    """Nobody but a guest reads the index, open or not; what each has fetched is known."""
    ACME.write(tmp_path)
    (tmp_path / "cloche.toml").write_text(CONFIG.format(folder=tmp_path))
    settings = load(tmp_path / "cloche.toml", tmp_path / "data")
    async with Loopback(settings, "main") as loopback:
        one, other = loopback.lodging(tmp_path), loopback.lodging(tmp_path)
        path = f"/packages/main/acme/{ACME.sha256}/{ACME.filename}"

        assert ask(one.index_url, "/main/simple/acme/")[0] == 401
        assert ask(one.index_url, path)[0] == 401
        assert ask(one.index_url, path, "guess")[0] == 401
        assert ask(one.index_url, "/main/simple/acme/", one.secret)[0] == 200
        assert ask(one.index_url, path + ".metadata", one.secret) == (200, ACME.metadata)
        assert loopback.given(one) == ()
        assert ask(one.index_url, path, one.secret) == (200, ACME.content)
        assert loopback.given(one) == (Given(ACME.filename, ACME.sha256),)
        assert loopback.given(other) == ()
