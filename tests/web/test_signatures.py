"""OpenPGP signatures: kept with an upload, and found beside its file."""

from pathlib import Path

import msgspec
import pytest

from tests.packages import Built, wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream
from tests.web.answers import detail, listed
from tests.web.forms import Part, encode, headers, parts, post, upload

ARMORED = b"-----BEGIN PGP SIGNATURE-----\n\niQEzBAABCAAdFiEE\n=abcd\n-----END PGP SIGNATURE-----\n"
JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}


def signed(server: Cloche, token: str, name: str, signature: bytes = ARMORED) -> Built:
    built = wheel(name, "1.0")
    form = [*parts(built), Part("gpg_signature", signature, f"{built.filename}.asc")]
    reply = post(server.url, "/legacy/", encode(form), headers(token))
    assert reply.status == 200, reply.body
    return built


def place(built: Built) -> str:
    return f"/packages/main/{built.project}/{built.sha256}/{built.filename}.asc"


def test_signature_lies_beside_the_file(server: Cloche, token: str) -> None:
    """A signature is served at the file's URL with `.asc`, byte for byte (PEP 503)."""
    built = signed(server, token, "sig-beside")

    reply = server.get(place(built))

    assert (reply.status, reply.body) == (200, ARMORED)
    assert "immutable" in reply.headers["cache-control"]
    assert server.get(place(built), {"Range": "bytes=0-4"}).body == ARMORED[:5]


def test_pages_say_who_is_signed(server: Cloche, token: str) -> None:
    """Both pages tell that a file has a signature."""
    signed(server, token, "sig-told")

    [file] = msgspec.json.decode(server.get("/simple/sig-told/", JSON).body)["files"]
    assert file["gpg-sig"] is True
    assert b'data-gpg-sig="true"' in server.get("/simple/sig-told/").body


def test_no_signature(server: Cloche, token: str) -> None:
    """A file without a signature has none, nor has what is not there."""
    built = wheel("sig-none", "1.0")
    assert upload(server.url, built, token).status == 200

    assert server.get(place(built)).status == 404
    assert server.get(place(wheel("sig-none", "2.0"))).status == 404
    assert server.get(place(built).replace(".asc", ".asc.metadata")).status == 404


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        (b"\x88\x5e\x04\x00", "ASCII armour"),
        (b"-----BEGIN PGP SIGNATURE-----\n", "ASCII armour"),
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n-----END PGP PUBLIC KEY BLOCK-----", "armour"),
        (ARMORED[:31] + b"A" * 70_000 + ARMORED[31:], "longer than"),
    ],
)
def test_what_is_no_signature(server: Cloche, token: str, signature: bytes, words: str) -> None:
    """What is no signature in ASCII armour is refused, and the file with it."""
    built = wheel("sig-bad", "1.0")
    form = [Part("gpg_signature", signature, "x.asc"), *parts(built)]

    reply = post(server.url, "/legacy/", encode(form), headers(token))

    assert reply.status == 400
    assert words in detail(reply)
    assert listed(server, "sig-bad") == []


def test_two_signatures(server: Cloche, token: str) -> None:
    """Of two signatures nobody could say which one is meant."""
    built = wheel("sig-two", "1.0")
    form = [*parts(built), *[Part("gpg_signature", ARMORED, "x.asc")] * 2]

    assert post(server.url, "/legacy/", encode(form), headers(token)).status == 400


def test_upstreams_signature(upstream: Upstream, tmp_path: Path) -> None:
    """A signature beside an upstream's file is served, and kept; one that is listed is a file."""
    built = wheel("sig-up", "1.0")
    beside = Built(f"{built.filename}.asc", ARMORED, b"", "sig-up", "1.0")
    upstream.add(built, gpg_sig=True)
    upstream.add(beside, metadata=False)
    with Cloche(tmp_path / "data", upstream=upstream.simple) as server:
        as_file = f"/packages/main/sig-up/{beside.sha256}/{beside.filename}"
        assert server.get(as_file).body == ARMORED
        assert server.get(place(built)).body == ARMORED
    with upstream.down(), Cloche(tmp_path / "data", offline=True) as server:
        assert server.get(place(built)).body == ARMORED


def test_upstream_without_signatures(upstream: Upstream, tmp_path: Path) -> None:
    """Nobody is asked for a signature of which the upstream's page does not speak."""
    built = wheel("sig-bare", "1.0")
    upstream.add(built)
    with Cloche(tmp_path / "data", upstream=upstream.simple) as server:
        assert server.get(place(built)).status == 404
    assert upstream.requests(f"{upstream.file(built)}.asc") == []
