"""One real server over a real upstream for all of the standards."""

import re
import zlib
from collections.abc import Iterator

import pytest

from tests.server import Cloche
from tests.standards.marking import Managed, Markable, Stated
from tests.standards.offers import Offers
from tests.upstream.controller import Upstream
from tests.web.api.managing import Manager
from tests.web.tokens import granted

_SETTINGS = """
[upstream.pypi]
url = "{upstream}"

[index.main]
default = true
uploads = true
sources = ["pypi"]

[index."team/dev"]
uploads = true
read = "authenticated"
sources = ["main"]
"""


@pytest.fixture(scope="session")
def server(
    tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream
) -> Iterator[Cloche]:
    """Run a server with index main, which anyone reads, and team/dev, which needs a token."""
    folder = tmp_path_factory.mktemp("standards")
    config = folder / "cloche.toml"
    config.write_text(_SETTINGS.format(upstream=upstream_process.simple))
    with Cloche(folder / "data", config=config) as running:
        yield running


@pytest.fixture(scope="session")
def token(server: Cloche) -> str:
    """A token that may read and upload everywhere."""
    return granted(server.data, "read", "upload", index="*")


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A project name that no other test takes, in normal form."""
    module, test = request.module.__name__.rpartition(".")[2], request.node.name
    telling = re.sub(r"[\W_]+", "-", f"{module}-{test}").removeprefix("test-")
    return f"{telling[:80].strip('-').lower()}-{zlib.crc32(test.encode()):x}"


@pytest.fixture(scope="session")
def managers_token(server: Cloche) -> str:
    """A token that may do everything."""
    return granted(server.data, "admin", index="*", name="manager")


@pytest.fixture
def hosted(server: Cloche, token: str, upstream: Upstream, name: str) -> Offers:
    """A project whose files are uploaded."""
    return Offers(server, token, upstream, name, hosted=True)


@pytest.fixture
def proxied(server: Cloche, token: str, upstream: Upstream, name: str) -> Offers:
    """A project whose files are the upstream's."""
    return Offers(server, token, upstream, name, hosted=False)


@pytest.fixture(params=["hosted", "proxied"])
def offers(
    server: Cloche, token: str, upstream: Upstream, name: str, request: pytest.FixtureRequest
) -> Offers:
    """A project of either kind: what a standard says of an index holds for both."""
    return Offers(server, token, upstream, name, hosted=request.param == "hosted")


@pytest.fixture(params=["managed upload", "managed source", "stated by the source"])
def markable(
    server: Cloche,
    token: str,
    managers_token: str,
    upstream: Upstream,
    name: str,
    request: pytest.FixtureRequest,
) -> Markable:
    """A project that can be yanked and given a status, by each who can say so."""
    offers = Offers(server, token, upstream, name, hosted=request.param == "managed upload")
    if request.param == "stated by the source":
        return Stated(offers)
    return Managed(offers, Manager(server, managers_token))


@pytest.fixture(scope="session")
def readers_token(server: Cloche) -> str:
    """A token that may read everywhere, and no more."""
    return granted(server.data, "read", index="*", name="reader")
