"""pypicache's addresses, as its users type them."""

import io
import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.packages import Built, sdist, wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream
from tests.web.tokens import basic


def curl(*arguments: str | Path) -> tuple[int, str]:
    """Status and body."""
    done = subprocess.run(
        ["curl", "--silent", "--write-out", "\n%{http_code}", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def egg(name: str, version: str) -> Built:
    metadata = f"Metadata-Version: 1.0\nName: {name}\nVersion: {version}\n".encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("EGG-INFO/PKG-INFO", metadata)
    return Built(f"{name}-{version}-py2.7.egg", out.getvalue(), metadata, name, version)


def test_upload_by_form(server: Cloche, token: str, tmp_path: Path) -> None:
    """`curl -F sdist=@FILE` publishes an sdist, and says so as pypicache did."""
    built = sdist("cached-form", "1.0")
    form = ("--form", f"sdist=@{built.write(tmp_path)}", f"{server.url}/uploadpackage/")

    status, said = curl("--request", "POST", *form)
    assert status == 401
    assert "give a token" in json.loads(said)["detail"]

    status, said = curl("--request", "POST", "--user", f"__token__:{token}", *form)
    assert (status, json.loads(said)) == (200, {"uploaded": "ok"})
    assert built.sha256 in server.get("/local/cached-form/").body.decode()


def test_a_form_without_the_file(server: Cloche, token: str) -> None:
    """A form that has no part of that name is told which it lacks."""
    status, said = curl(
        *("--user", f"__token__:{token}", "--form", "other=1", f"{server.url}/uploadpackage/")
    )

    assert status == 400
    assert "sdist=@FILE" in json.loads(said)["detail"]


def test_other_bytes_by_form(server: Cloche, token: str, tmp_path: Path) -> None:
    """A name that is taken stays what it is."""
    user = ("--user", f"__token__:{token}")
    for body, expected in ((b"one", 200), (b"one", 200), (b"two", 409)):
        path = sdist("cached-twice", "1.0", body=body).write(tmp_path)
        status, _ = curl(*user, "--form", f"sdist=@{path}", f"{server.url}/uploadpackage/")
        assert status == expected


PLACES = {
    "sdist": (sdist("cached-put", "1.0"), "source/c/cached-put"),
    "egg": (egg("cached_egg", "1.0"), "2.7/c/cached_egg"),
    "wheel": (wheel("cached-wheel", "1.0"), "py3/c/cached-wheel"),
}


@pytest.mark.parametrize("kind", PLACES)
def test_put_and_get(server: Cloche, token: str, tmp_path: Path, kind: str) -> None:
    """A file is put to, and got from, the address that PyPI once had for its like."""
    built, folder = PLACES[kind]
    url = f"{server.url}/packages/{folder}/{built.filename}"
    put = ("--request", "PUT", "--data-binary", f"@{built.write(tmp_path)}", url)
    assert curl(*put)[0] == 401
    user = ("--user", f"__token__:{token}")
    assert [curl(*user, *put)[0] for _ in range(2)] == [201, 200]

    reply = server.get(f"/packages/{folder}/{built.filename}")
    assert reply.body == built.content
    assert reply.headers["cache-control"] == "public, no-cache"
    assert server.get(f"/packages/{built.project}/{built.filename}").body == built.content
    ranged = server.get(f"/packages/{folder}/{built.filename}", {"Range": "bytes=1-3"})
    assert (ranged.status, ranged.body) == (206, built.content[1:4])


def test_a_file_in_another_project_s_place(server: Cloche, token: str, tmp_path: Path) -> None:
    """The address and the filename must speak of the same project."""
    path = sdist("cached-other", "1.0").write(tmp_path)
    status, said = curl(
        *("--user", f"__token__:{token}", "--upload-file", path),
        f"{server.url}/packages/source/c/cached/{path.name}",
    )

    assert status == 400
    assert "cached-other" in said


def test_get_asks_the_upstream(server: Cloche, upstream: Upstream) -> None:
    """A file that is not here is fetched and kept; one that nobody has is 404."""
    built = sdist("cached-fetched", "1.0")
    upstream.add(built)
    path = f"/packages/source/c/cached-fetched/{built.filename}"
    assert server.get(path).body == built.content
    assert server.get(path.replace("1.0", "2.0")).status == 404
    assert server.get("/packages/source/x/cached-fetched/cached-fetched-1.0.tar.gz").status == 404

    with upstream.down():
        assert server.get(path).body == built.content


def test_who_may_read(server: Cloche, token: str, tmp_path: Path) -> None:
    """Files by name are read by whoever may read the index, in each index on its own."""
    path = sdist("cached-closed", "1.0").write(tmp_path)
    place = f"/closed/packages/source/c/cached-closed/{path.name}"
    user = ("--user", f"__token__:{token}")
    assert curl(*user, "--upload-file", path, f"{server.url}{place}")[0] == 201

    assert server.get(place).status == 401
    assert server.get(place, basic(token)).status == 200
    assert server.get(place.removeprefix("/closed")).status == 404


def test_addresses_by_digest_are_what_they_were(server: Cloche, token: str, tmp_path: Path) -> None:
    """A project whose name is one letter has its files at their own addresses, too."""
    built = sdist("c", "1.0")
    user = ("--user", f"__token__:{token}")
    url = f"{server.url}/packages/source/c/c/{built.filename}"
    assert curl(*user, "--upload-file", built.write(tmp_path), url)[0] == 201

    reply = server.get(f"/packages/main/c/{built.sha256}/{built.filename}")
    assert reply.body == built.content
    assert "immutable" in reply.headers["cache-control"]
