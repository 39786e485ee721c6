"""Another cloche as an upstream: what only a cloche tells."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloche.core.errors import BadSetting, Denied, UpstreamDown
from tests.attestations import attestation, statement
from tests.packages import wheel
from tests.ports import free_port
from tests.server import Cloche
from tests.upstream import kinds
from tests.upstream.controller import Upstream
from tests.upstreams.samples import DEMO, NAME, PAGE, opened
from tests.waiting import until
from tests.web.answers import listed
from tests.web.forms import upload
from tests.web.tokens import basic, granted

pytestmark = pytest.mark.anyio

DENIED = {
    "detail": "every file of demo is withheld in index main by its rule week",
    "rule": "week",
    "kind": "cooldown",
    "reason": "it is in cooldown",
    "by": "main",
    "index": "team",
    "until": "2031-01-02T03:04:05Z",
    "clock": "upload-time",
}
OLD, NEW = wheel("ch-demo", "1.0"), wheel("ch-withheld", "1.0")

FIRST = """
[index.team]
uploads = true
read = ["second"]

[[index.team.rule]]
kind = "cooldown"
name = "not yet"
days = 36500
projects = ["ch-withheld"]
"""
SECOND = """
[upstream.first]
kind = "cloche"
url = "{url}/team/"

[upstream.first.freshness]
default = 0
most = 0
patience = 20

[index.main]
sources = ["first", "pypi"]

[upstream.pypi]
url = "{pypi}"
"""


def refusing(body: bytes, media_type: str = "application/problem+json") -> kinds.Status:
    return kinds.Status(403, body=body, media_type=media_type)


async def test_a_page_that_a_rule_withholds(upstream: Upstream) -> None:
    """Its sentence is passed on, with all that it says of the rule."""
    upstream.misbehave(PAGE, refusing(json.dumps(DENIED).encode()))
    port = opened("cloche", {"url": f"{upstream.url}/"})
    with pytest.raises(Denied, match="pypi says: every file of demo is withheld") as told:
        await port.page(NAME, None)
    await port.close()

    members = told.value.members
    assert (members["rule"], members["by"], members["kind"]) == ("week", "main", "cooldown")
    assert str(members["until"]) == "2031-01-02 03:04:05+00:00"
    assert members["index"] == "pypi"


@pytest.mark.parametrize(
    "refusal",
    [
        refusing(b'{"detail": "the token may not read in index main"}'),
        refusing(b'{"detail": "' + b"x" * 100_000 + b'"}'),
        refusing(b"\xff"),
        refusing(b"[]"),
        refusing(json.dumps({**DENIED, "until": "soon"}).encode()),
        refusing(json.dumps({**DENIED, "reason": "x" * 3000}).encode()),
        refusing(json.dumps(DENIED).encode(), "text/html"),
        kinds.Status(401, body=json.dumps(DENIED).encode()),
    ],
    ids=range(8),
)
async def test_another_refusal(upstream: Upstream, refusal: kinds.Status) -> None:
    """What is no rule's is an outage, as it is of any upstream."""
    upstream.misbehave(PAGE, refusal)
    port = opened("cloche", {"url": f"{upstream.url}/"})
    with pytest.raises(UpstreamDown, match="check username and password"):
        await port.page(NAME, None)
    await port.close()


async def test_a_token_is_a_password(upstream: Upstream) -> None:
    """A password alone is a token."""
    upstream.add(DEMO)
    upstream.misbehave(PAGE, kinds.BasicAuth("__token__", "secret"))
    port = opened("cloche", {"url": upstream.url, "password": "secret"})
    assert (await port.page(NAME, None)).document is not None
    await port.close()


@pytest.mark.parametrize("url", ["team", "https://host/team/simple/", "https://host/simple"])
def test_what_is_no_index_s_address(url: str) -> None:
    """The address of its pages is a mistake that is named."""
    with pytest.raises(BadSetting, match="give it without /simple/"):
        opened("cloche", {"url": url})


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Cloche]:
    config = tmp_path / "first.toml"
    config.write_text(FIRST)
    with Cloche(tmp_path / "first", config=config, port=free_port()) as server:
        yield server


@pytest.fixture
def second(tmp_path: Path, first: Cloche, upstream: Upstream) -> Iterator[Cloche]:
    config = tmp_path / "second.toml"
    config.write_text(SECOND.format(url=first.url, pypi=upstream.simple))
    token = granted(first.data, "read", index="team", name="second")
    env = {"CLOCHE_UPSTREAM__FIRST__PASSWORD": token}
    with Cloche(tmp_path / "second", config=config, env=env) as server:
        yield server


def test_one_cloche_over_another(first: Cloche, second: Cloche, upstream: Upstream) -> None:
    """Pages, files and metadata come through; a denial names its rule, and PyPI is not asked."""
    token = granted(first.data, "upload", index="team")
    for built in (OLD, NEW):
        assert upload(first.url, built, token, "/team/legacy/").status == 200
        upstream.add(wheel(built.project, "99.0"))
    where = f"/packages/main/ch-demo/{OLD.sha256}/{OLD.filename}"

    assert listed(second, "ch-demo") == [OLD.filename]
    assert second.get(where).body == OLD.content
    assert second.get(f"{where}.metadata").body == OLD.metadata
    reply = second.get("/simple/ch-withheld/")
    said = json.loads(reply.body)
    assert (reply.status, said["rule"], said["by"]) == (403, "not yet", "team")
    assert "first says: every file of ch-withheld is withheld" in said["detail"]
    assert upstream.requests() == []


def test_provenance_of_another_cloche(first: Cloche, second: Cloche) -> None:
    """Who signed a file there is told here, byte for byte."""
    token = granted(first.data, "upload", index="team")
    built = wheel("ch-signed", "1.0")
    said = json.dumps([attestation(statement(built))])
    assert upload(first.url, built, token, "/team/legacy/", attestations=said).status == 200
    reader = basic(granted(first.data, "read", index="team", name="second"))
    path = f"integrity/ch-signed/1.0/{built.filename}/provenance"

    there, here = first.get(f"/team/{path}", reader), second.get(f"/main/{path}")
    assert (there.status, here.status) == (200, 200)
    assert here.body == there.body


def test_what_is_withheld_later(tmp_path: Path, first: Cloche, second: Cloche) -> None:
    """A project that was kept here is denied when a rule there denies it, not served as stale."""
    token = granted(first.data, "upload", index="team")
    assert upload(first.url, OLD, token, "/team/legacy/").status == 200
    assert listed(second, "ch-demo") == [OLD.filename]
    first.stop()
    config = tmp_path / "first.toml"
    config.write_text(FIRST.replace("ch-withheld", "ch-demo"))
    with Cloche(first.data, config=config, port=first.port):
        # Whatever was on its way when the first ended may have left it as one that is down.
        until(lambda: second.get("/simple/ch-demo/").status == 403)
        reply = second.get("/simple/ch-demo/")

    assert (reply.status, json.loads(reply.body)["rule"]) == (403, "not yet")
