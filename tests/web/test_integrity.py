"""The integrity API: provenance as uploads brought it, and as an upstream states it."""

import json
from pathlib import Path

import msgspec
import pytest

from tests.attestations import attestation, provenance, statement
from tests.packages import Built, sdist, wheel
from tests.ports import free_port
from tests.server import Cloche, Reply
from tests.upstream.controller import Upstream
from tests.web.answers import detail, listed
from tests.web.api.managing import Manager
from tests.web.api.managing import place as manage
from tests.web.forms import upload
from tests.web.tokens import basic, granted

TYPE = "application/vnd.pypi.integrity.v1+json"
JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}


def attested(server: Cloche, token: str, name: str, index: str = "main") -> Built:
    """Upload a wheel with one attestation."""
    built = wheel(name, "1.0")
    said = json.dumps([attestation(statement(built))])
    reply = upload(server.url, built, token, f"/{index}/legacy/", attestations=said)
    assert reply.status == 200, reply.body
    return built


def place(built: Built, index: str = "main") -> str:
    path = f"integrity/{built.project}/{built.version}/{built.filename}/provenance"
    return f"/{index}/{path}"


def stated(server: Cloche, project: str, said: dict[str, str] | None = None) -> str | None:
    """Where the project's page says that the provenance of its one file is."""
    reply = server.get(f"/simple/{project}/", JSON | (said or {}))
    [file] = msgspec.json.decode(reply.body)["files"]
    found: str | None = file.get("provenance")
    return found


def test_uploaded_attestations_are_served(server: Cloche, token: str) -> None:
    """What an upload attested is served as a provenance object, where the page says."""
    built = attested(server, token, "int-served")

    url = stated(server, "int-served")
    assert url == server.url + place(built)
    reply = server.get(url.removeprefix(server.url))

    assert (reply.status, reply.headers["content-type"]) == (200, TYPE)
    assert reply.headers["x-content-type-options"] == "nosniff"
    [bundle] = msgspec.json.decode(reply.body)["attestation_bundles"]
    assert bundle["attestations"] == [attestation(statement(built))]
    assert bundle["publisher"] == {"kind": "token", "claims": {}}


def test_html_states_it_too(server: Cloche, token: str) -> None:
    """The page in HTML carries the same address."""
    built = attested(server, token, "int-html")

    page = server.get("/simple/int-html/").body.decode()

    assert f'data-provenance="{server.url}{place(built)}"' in page


def test_every_index_and_spelling(server: Cloche, token: str) -> None:
    """Provenance is found in each index that shows the file, by any spelling of its version."""
    built = attested(server, token, "int-index")

    for path in (place(built), place(built, "team/dev"), place(built)[len("/main") :]):
        assert server.get(path).status == 200
    assert server.get(place(built).replace("/1.0/", "/1.0.0/")).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/integrity/int-none/1.0/int_none-1.0.tar.gz/provenance",
        "/integrity/int-none/1.0/int_none-2.0.tar.gz/provenance",
        "/integrity/int-none/2.0/int_none-1.0.tar.gz/provenance",
        "/integrity/int-none/one/int_none-1.0.tar.gz/provenance",
        "/integrity/int-unknown/1.0/int_unknown-1.0.tar.gz/provenance",
        "/integrity/int-none/1.0/int_none-1.0.tar.gz/",
    ],
)
def test_nothing_to_find(server: Cloche, token: str, path: str) -> None:
    """A file without attestations, another version and an unknown file are 404."""
    assert upload(server.url, sdist("int-none", "1.0"), token).status == 200

    assert server.get(path).status == 404
    assert stated(server, "int-none") is None


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (TYPE, 200),
        ("application/json", 200),
        ("*/*", 200),
        ("application/*;q=0.1", 200),
        ("text/html", 406),
        (f"{TYPE};q=0, text/html", 406),
    ],
)
def test_accept(server: Cloche, token: str, accept: str, status: int) -> None:
    """Who takes no JSON is told so."""
    built = attested(server, token, "int-accept")

    assert server.get(place(built), {"Accept": accept}).status == status


def test_etag(server: Cloche, token: str) -> None:
    """Who has it need not fetch it again."""
    built = attested(server, token, "int-etag")
    etag = server.get(place(built)).headers["etag"]

    again = server.get(place(built), {"If-None-Match": etag})

    assert (again.status, again.body) == (304, b"")


def test_closed_index(server: Cloche, token: str) -> None:
    """Provenance is for those who may read the index."""
    built = attested(server, token, "int-closed", "closed")

    assert server.get(place(built, "closed")).status == 401
    assert server.get(place(built, "closed"), basic(token)).status == 200


def test_quarantined_project(server: Cloche, token: str) -> None:
    """A quarantined project has no provenance to show, as it has no files."""
    built = attested(server, token, "int-quarantine")
    admin = Manager(server, granted(server.data, "admin", index="*"))

    admin.do("PUT", f"{manage('int-quarantine')}/status", {"status": "quarantined"})

    assert server.get(place(built)).status == 403


def test_address_is_what_the_client_uses(server: Cloche, token: str) -> None:
    """The address is of the host that was asked for, on every request, and a host is no text."""
    built = attested(server, token, "int-host")

    for host in ("localhost", "127.0.0.1:8443", "localhost", "[::1]:80", "localhost"):
        for _ in range(2):
            assert stated(server, "int-host", {"Host": host}) == f"http://{host}{place(built)}"
    for host in ("a b", 'x"><script>', "x/y", "u@h"):
        assert stated(server, "int-host", {"Host": host}) == server.url + place(built)


def test_no_address_is_of_an_insecure_origin(server: Cloche, token: str) -> None:
    """Who asks over plain HTTP by another machine's name is told no address (PEP 740)."""
    attested(server, token, "int-plain")

    for _ in range(2):
        assert stated(server, "int-plain", {"Host": "one.test"}) is None


def test_many_hosts_are_not_remembered(server: Cloche, token: str) -> None:
    """A client that makes hosts up gets its answers, and others go on getting theirs."""
    built = attested(server, token, "int-hosts")

    for number in range(60):
        host = f"localhost:{8000 + number}"
        assert stated(server, "int-hosts", {"Host": host}) == f"http://{host}{place(built)}"
    assert stated(server, "int-hosts") == server.url + place(built)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("nonsense", "JSON array"),
        (json.dumps([attestation(statement(wheel("int-other", "1.0")))]), "not int_lie"),
        (json.dumps([{"version": 1}]), "cannot be read"),
    ],
)
def test_false_attestations_are_refused(server: Cloche, token: str, said: str, words: str) -> None:
    """An upload whose attestations are not about its file is refused."""
    reply = upload(server.url, wheel("int-lie", "1.0"), token, attestations=said)

    assert reply.status == 400
    assert words in detail(reply)
    assert listed(server, "int-lie") == []


def test_public_url(tmp_path: Path) -> None:
    """With public_url set, the address begins with it, whatever host was asked for."""
    settings = tmp_path / "cloche.toml"
    port = free_port()
    settings.write_text(f'[server]\npublic_url = "http://127.0.0.1:{port}/"\noffline = true\n')
    with Cloche(tmp_path / "data", config=settings, port=port) as server:
        built = attested(server, server.first_token, "int-public")

        for host in ("one.test", "two.test"):
            assert stated(server, "int-public", {"Host": host}) == server.url + place(built)


# Of an upstream's files ------------------------------------------------------------------------


def offered(upstream: Upstream, body: bytes, path: str = "side") -> Built:
    """Put a wheel on the upstream whose page says that its provenance is this."""
    built = wheel("int-up", "1.0")
    beside = Built("int-up.provenance", body, b"", path, "1.0")
    where = upstream.add(beside, metadata=False)
    upstream.add(built, provenance=upstream.url + where)
    return built


def ask(server: Cloche, built: Built) -> Reply:
    return server.get(place(built))


def test_upstreams_provenance_is_kept(upstream: Upstream, tmp_path: Path) -> None:
    """An upstream's provenance is served from here, fetched once, and offline thereafter."""
    body = provenance(attestation(statement(wheel("int-up", "1.0"))))
    built = offered(upstream, body)
    with Cloche(tmp_path / "data", upstream=upstream.simple) as server:
        assert stated(server, "int-up") == server.url + place(built)
        assert [ask(server, built).body for _ in range(3)] == [body] * 3
        assert len(upstream.requests("/files/side/")) == 1

    with upstream.down(), Cloche(tmp_path / "data", offline=True) as server:
        assert stated(server, "int-up") == server.url + place(built)
        assert ask(server, built).body == body


def test_upstreams_provenance_is_not_guessed_at(upstream: Upstream, tmp_path: Path) -> None:
    """What is not kept is 503 while the upstream is down, and 404 when it is gone there."""
    built = offered(upstream, provenance(attestation(statement(wheel("int-up", "1.0")))))
    with Cloche(tmp_path / "data", upstream=upstream.simple) as server:
        assert stated(server, "int-up")
        with upstream.down():
            assert ask(server, built).status == 503
        upstream.remove_project("side")
        assert ask(server, built).status == 404


@pytest.mark.parametrize(
    "body",
    [
        b"<html>log in</html>",
        provenance(attestation(statement(wheel("another", "1.0")))),
        b" " * (5 << 20),
    ],
)
def test_upstreams_lies_are_not_kept(upstream: Upstream, tmp_path: Path, body: bytes) -> None:
    """What an upstream sends in place of the file's provenance is 502, and asked for again."""
    built = offered(upstream, body)
    with Cloche(tmp_path / "data", upstream=upstream.simple) as server:
        assert ask(server, built).status == 502
        true = provenance(attestation(statement(built)))
        offered(upstream, true)
        assert ask(server, built).body == true
