"""Uploads over the wire: what is refused, in one clear message."""

import http.client
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.packages import Built, sdist, wheel
from tests.server import Cloche
from tests.web.answers import detail, listed
from tests.web.conftest import MAX_UPLOAD
from tests.web.forms import Part, encode, headers, parts, post, post_head, upload
from tests.web.talk import Talk
from tests.web.tokens import basic, bearer, granted, revoke


@pytest.mark.parametrize("field", ["md5_digest", "sha256_digest", "blake2_256_digest"])
def test_wrong_digest(server: Cloche, token: str, field: str) -> None:
    """Every digest that a client sends is checked."""
    built = wheel("up-digest", "1.0")
    length = 32 if field == "md5_digest" else 64

    reply = upload(server.url, built, token, changes={field: "0" * length})

    assert reply.status == 400
    assert field in detail(reply)
    assert listed(server, "up-digest") == []


@pytest.mark.parametrize(
    ("field", "claim"),
    [
        ("name", "other"),
        ("version", "2.0"),
        ("filetype", "sdist"),
        ("pyversion", "source"),
        ("requires_python", ">=2"),
        ("requires_dist", ["c"]),
        ("protocol_version", "2"),
        ("action", "remove_pkg"),
        ("action", None),
    ],
)
def test_claim_that_differs(
    server: Cloche, token: str, field: str, claim: str | list[str] | None
) -> None:
    """Every claim of a form is held against the file."""
    reply = upload(
        server.url, wheel("up-claim", "1.0", requires=["b"]), token, changes={field: claim}
    )

    assert reply.status == 400
    assert field in detail(reply)
    assert listed(server, "up-claim") == []


def test_all_problems_at_once(server: Cloche, token: str) -> None:
    """One answer names everything that is wrong, so that one more try is enough."""
    built = wheel("up-many", "1.0", metadata=b"Metadata-Version: 2.1\nName: liar\n")

    reply = upload(
        server.url,
        built,
        token,
        name="other",
        version="2",
        filetype="sdist",
        protocol_version="3",
        sha256_digest="0" * 64,
        md5_digest="0" * 32,
    )

    said = detail(reply)
    named = ["protocol_version", "sha256_digest", "md5_digest", "'other'", "'2'", "'sdist'"]
    assert [word for word in [*named, "no field version"] if word not in said] == []


def test_bad_filename_and_bad_digest(server: Cloche, token: str) -> None:
    """A filename that is none does not hide the other problems."""
    built = wheel("up-name", "1.0")
    odd = Built("nonsense", built.content, built.metadata, "up-name", "1.0")

    said = detail(upload(server.url, odd, token, sha256_digest="0" * 64))

    assert "nonsense" in said
    assert "sha256_digest" in said


@pytest.mark.parametrize(
    "filename", ["../../evil-1.0.tar.gz", "/etc/passwd", "up.whl", "a b-1.0.tar.gz", ".a-1.tar.gz"]
)
def test_filename_that_is_none(server: Cloche, token: str, filename: str) -> None:
    """A file is taken under a distribution's filename, and never under a path."""
    built = Built(filename, b"x", b"", "evil", "1.0")

    assert upload(server.url, built, token).status == 400


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ([], "has no file"),
        ([Part(":action", b"file_upload")], "has no file"),
        ([Part(":action", b"file_upload"), Part("content", b"no filename")], "has no file"),
        ([Part("content", b"", "")], "has no file"),
        ([Part("content", b"1", "a-1.zip"), Part("content", b"2", "a-2.zip")], "more than one"),
        ([Part("protocol_version", b"7")], "'7'"),
    ],
)
def test_form_without_a_file(server: Cloche, token: str, form: list[Part], words: str) -> None:
    """A form that lacks what makes it an upload is told what it lacks."""
    reply = post(server.url, "/legacy/", encode(form), headers(token))

    assert reply.status == 400
    assert words in detail(reply)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("multipart/form-data; boundary=another", "multipart form"),
        ("multipart/form-data", "multipart/form-data"),
        ("multipart/form-data; boundary=", "multipart/form-data"),
        ("application/json", "application/json"),
        ("", "of no type"),
        ("\xff; boundary=\xff", "multipart/form-data"),
    ],
)
def test_content_type_that_is_none(server: Cloche, token: str, kind: str, words: str) -> None:
    """A body that does not say that it is a form, or by a wrong boundary, is refused."""
    body = encode(parts(wheel("up-kind", "1.0")))

    reply = post(server.url, "/legacy/", body, {**headers(token), "Content-Type": kind})

    assert reply.status == 400
    assert words in detail(reply)


@pytest.mark.parametrize("cut", [1, 10, 200, 1000])
def test_form_that_ends_early(server: Cloche, token: str, cut: int) -> None:
    """A form that ends in its middle is refused: half a file is no file."""
    body = encode(parts(wheel("up-short", "1.0")))

    reply = post(server.url, "/legacy/", body[:-cut], headers(token))

    assert reply.status == 400 or cut == 1  # the last byte is the line end behind the end
    assert listed(server, "up-short") in ([], ["up_short-1.0-py3-none-any.whl"])


def test_connection_that_ends_early(server: Cloche, token: str) -> None:
    """A client that leaves in the middle of its upload is no accident, and leaves nothing."""
    body = encode(parts(wheel("up-gone", "1.0")))
    with Talk(server.url) as talk:
        talk.send(post_head(token, len(body) + 1000, path="/legacy/?gone"), body)
    with closing(http.client.HTTPConnection(server.url.removeprefix("http://"))) as connection:
        connection.request("GET", "/-/health")
        assert connection.getresponse().status == 200

    assert listed(server, "up-gone") == []
    assert "unforeseen" not in server.log
    assert "Traceback" not in server.log


def test_too_large_a_file(server: Cloche, token: str) -> None:
    """A file beyond the operator's bound is refused, by its size and by the bound's name."""
    built = wheel("up-large", "1.0", size=MAX_UPLOAD + 1)

    reply = upload(server.url, built, token)

    assert reply.status == 413
    assert "max_upload" in detail(reply)
    assert upload(server.url, wheel("up-fits", "1.0", size=MAX_UPLOAD), token).status == 200


def test_too_large_a_body_is_refused_by_its_length(server: Cloche, token: str) -> None:
    """A body that can only be too large is not waited for."""
    with Talk(server.url) as talk:
        talk.send(post_head(token, 1 << 40, "Expect: 100-continue\r\n"))
        reply = talk.reply()

    assert reply.status == 413
    assert "max_upload" in detail(reply)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (encode([Part("description", b"x" * (33 << 20))]), 413),
        (encode([Part("x", b"") for _ in range(20_001)]), 413),
        (encode([]) + b"\r\nepilogue" * (9 << 20), 413),
        (encode([Part("x" * (20 << 10), b"")]), 400),
    ],
    ids=["fields", "parts", "epilogue", "header"],
)
def test_too_large_a_form(server: Cloche, token: str, body: bytes, status: int) -> None:
    """A form's fields, headers and parts are bounded too, for they lie in memory."""
    chunks = (body[at : at + (1 << 20)] for at in range(0, len(body), 1 << 20))

    assert post(server.url, "/legacy/", chunks, headers(token)).status == status


ZIP = wheel("up-poly", "1.0").content
SDIST = sdist("up-poly", "1.0").content


@pytest.mark.parametrize(
    ("filename", "content"),
    [
        ("up_poly-1.0-py3-none-any.whl", b"#!/bin/sh\n" + ZIP),
        ("up_poly-1.0-py3-none-any.whl", ZIP + b"trailing"),
        ("up_poly-1.0-py3-none-any.whl", ZIP + ZIP),
        ("up_poly-1.0-py3-none-any.whl", SDIST),
        ("up_poly-1.0-py3-none-any.whl", b""),
        ("up_poly-1.0-py3-none-any.whl", ZIP[:-30]),
        ("up_poly-1.0.tar.gz", ZIP),
        ("up_poly-1.0.tar.gz", SDIST + ZIP),
        ("up_poly-1.0.tar.gz", SDIST[:-30]),
        ("up_poly-1.0.tar.gz", b""),
        ("up_poly-1.0.zip", ZIP),
    ],
)
def test_archive_that_is_not_what_it_seems(
    server: Cloche, token: str, filename: str, content: bytes
) -> None:
    """An archive that two readers could read in two ways, or none can read, is refused."""
    built = Built(filename, content, b"", "up-poly", "1.0")

    reply = upload(server.url, built, token)

    assert (reply.status, listed(server, "up-poly")) == (400, []), detail(reply)


# Who may --------------------------------------------------------------------------------------


def test_no_token(server: Cloche) -> None:
    """Nobody uploads without a token, on loopback neither, and clients are told how to ask."""
    reply = upload(server.url, wheel("up-nobody", "1.0"), None)

    assert reply.status == 401
    assert reply.headers["www-authenticate"].startswith("Basic ")
    assert "cloche token create --index main --can upload" in detail(reply)


def wrong(data: Path, kind: str) -> str:
    """A token that is good for nothing."""
    match kind:
        case "expired":
            return granted(data, "upload", expires_at=datetime.now(UTC) - timedelta(seconds=1))
        case "revoked":
            secret = granted(data, "upload")
            revoke(data, secret)
            return secret
        case "altered":
            return granted(data, "upload")[:-1] + "~"
        case "cut":
            return granted(data, "upload")[:-1]
    return kind


@pytest.mark.parametrize(
    "kind", ["", "x", "cloche_", "cloche_ab_", "a:b", "expired", "revoked", "altered", "cut"]
)
def test_wrong_token(server: Cloche, data: Path, kind: str) -> None:
    """A token that is unknown, altered, expired or revoked is like none at all."""
    secret = wrong(data, kind)
    for said in (basic(secret), bearer(secret)):
        reply = post(server.url, "/legacy/", b"", {**headers(), **said})
        assert reply.status == 401
        assert reply.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize("said", ["Basic", "Basic !", "Basic eA==", "Digest x", "\xff", "Bearer"])
def test_credentials_that_are_none(server: Cloche, said: str) -> None:
    """An Authorization header that cannot be understood says so."""
    reply = post(server.url, "/legacy/", b"", {**headers(), "Authorization": said})

    assert reply.status == 401
    detail(reply)


@pytest.mark.parametrize(
    ("can", "index"), [(["read"], "main"), (["read", "upload"], "closed"), (["admin"], "team/dev")]
)
def test_token_without_scope(server: Cloche, data: Path, can: list[str], index: str) -> None:
    """A token uploads where it may, and nowhere else."""
    reply = upload(server.url, wheel("up-scope", "1.0"), granted(data, *can, index=index))

    assert reply.status == 403
    assert "may not upload in index main" in detail(reply)


def test_admin_may_upload(server: Cloche, data: Path) -> None:
    """Who may administer an index may upload to it."""
    secret = granted(data, "admin")

    assert upload(server.url, wheel("up-admin", "1.0"), secret).status == 200


@pytest.mark.parametrize("said", [bearer, basic, lambda secret: basic(secret, "any user")])
def test_ways_to_send_a_token(server: Cloche, token: str, said: object) -> None:
    """A token is taken as the password of any user, and as a bearer."""
    assert callable(said)
    body = encode(parts(wheel("up-ways", "1.0")))

    assert post(server.url, "/legacy/", body, {**headers(), **said(token)}).status == 200


def test_index_without_uploads(server: Cloche, token: str) -> None:
    """An index that takes no uploads says so before it reads one."""
    with Talk(server.url) as talk:
        talk.send(post_head(token, 1000, "Expect: 100-continue\r\n", path="/frozen/legacy/"))
        reply = talk.reply()

    assert reply.status == 403
    assert "takes no uploads" in detail(reply)


@pytest.mark.parametrize("path", ["/nosuch/legacy/", "/main", "/simple/x/", "/-/health"])
def test_post_elsewhere(server: Cloche, token: str, path: str) -> None:
    """A POST to another address is an error, and never a redirect."""
    body = encode(parts(wheel("up-elsewhere", "1.0")))

    reply = post(server.url, path, body, headers(token))

    assert reply.status in {404, 405}
    assert "location" not in reply.headers
    detail(reply)


def test_refusal_does_not_spoil_the_connection(server: Cloche, token: str) -> None:
    """After a refused upload the rest of its body is read away, and the next request answered."""
    body = encode(parts(wheel("up-next", "1.0", size=290_000)))
    with Talk(server.url) as talk:
        talk.send(post_head("wrong", len(body)), body)
        assert talk.reply().status == 401
        talk.send(post_head(token, len(body)), body)
        assert talk.reply().status == 200
