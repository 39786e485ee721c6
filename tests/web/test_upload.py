"""Uploads over the wire: what is taken, and what is refused in one clear message."""

import http.client
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from tests.packages import Built, sdist, wheel
from tests.server import Cloche, Reply
from tests.web.conftest import MAX_UPLOAD
from tests.web.forms import Part, encode, headers, parts, post, upload
from tests.web.talk import Talk
from tests.web.tokens import basic, bearer, granted, revoke


def detail(reply: Reply) -> str:
    """The sentence of a problem; it is in the reason phrase too, as far as that goes."""
    assert reply.headers["content-type"] == "application/problem+json"
    said = msgspec.json.decode(reply.body)
    sentence: str = said["detail"]
    assert said["status"] == reply.status
    assert reply.reason[:60] == sentence[:60].encode("latin-1", "replace").decode("latin-1")
    return sentence


def listed(server: Cloche, project: str, index: str = "main") -> list[str]:
    accept = {"Accept": "application/vnd.pypi.simple.v1+json"}
    reply = server.get(f"/{index}/simple/{project}/", accept)
    if reply.status == 404:
        return []
    return [file["filename"] for file in msgspec.json.decode(reply.body)["files"]]


# What is taken --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/legacy/", "/legacy", "/", "/simple/", "/pypi/", "/pypi", "/main/legacy/", "/main/"]
)
def test_every_address_takes_uploads(server: Cloche, token: str, path: str) -> None:
    """An upload is taken at every address that clients know, and never redirected."""
    built = wheel(f"up-at{path.replace('/', 'x')}", "1.0")

    assert upload(server.url, built, token, path).status == 200
    assert listed(server, built.project) == [built.filename]


def test_second_segment_of_an_index(server: Cloche, token: str) -> None:
    """An index of two segments takes its uploads for itself."""
    built = wheel("up-team", "1.0")

    assert upload(server.url, built, token, "/team/dev/legacy/").status == 200
    assert listed(server, "up-team", "team/dev") == [built.filename]
    assert listed(server, "up-team") == []


@pytest.mark.parametrize("order", ["file first", "reversed", "shuffled"])
def test_field_order_is_free(server: Cloche, token: str, order: str) -> None:
    """The parts of a form may come in any order."""
    built = wheel(f"up-order-{order.partition(' ')[0]}", "1.0")
    form = parts(built)
    if order == "file first":
        form = [form[-1], *form[:-1]]
    elif order == "reversed":
        form.reverse()
    else:
        random.Random(1).shuffle(form)  # noqa: S311 - the same order each time is the point

    assert post(server.url, "/legacy/", encode(form), headers(token)).status == 200


def test_extra_parts_are_ignored(server: Cloche, token: str) -> None:
    """Signatures, attestations, comments and repeated fields do not disturb an upload."""
    built = sdist("up-extra", "1.0")
    form = [
        Part("gpg_signature", b"-----BEGIN", "up_extra-1.0.tar.gz.asc"),
        Part("attestations", b"[]"),
        Part("classifiers", b"A :: B"),
        Part("classifiers", b"C :: D"),
        Part("", b"no name"),
        *parts(built),
    ]

    assert post(server.url, "/legacy/", encode(form), headers(token)).status == 200


@pytest.mark.parametrize("missing", ["md5_digest", "sha256_digest", "blake2_256_digest"])
def test_one_digest_is_enough(server: Cloche, token: str, missing: str) -> None:
    """A client sends what digests it likes."""
    built = wheel(f"up-without-{missing.partition('_')[0]}", "1.0")

    assert upload(server.url, built, token, changes={missing: None}).status == 200


def test_flit_says_no_pyversion(server: Cloche, token: str) -> None:
    """An sdist without pyversion is taken, as flit sends it."""
    assert upload(server.url, sdist("up-flit", "1.0"), token, pyversion=None).status == 200


@pytest.mark.parametrize(
    ("filename", "filetype"),
    [
        ("up_old-1.0-py2.7.egg", "bdist_egg"),
        ("up-old-1.0.win32-py2.7.exe", "bdist_wininst"),
        ("up-old-1.0.win-amd64-py2.7.msi", "bdist_msi"),
        ("up-old-1.0-1.noarch.rpm", "bdist_rpm"),
        ("up-old-1.0.linux-x86_64.tar.gz", "bdist_dumb"),
    ],
)
def test_old_kinds_go_by_their_filename(
    server: Cloche, token: str, filename: str, filetype: str
) -> None:
    """Kinds from before wheels are taken, by what their filename says of them."""
    egg = wheel("up-old", "1.0", files={"EGG-INFO/PKG-INFO": wheel("up-old", "1.0").metadata})
    content = egg.content if filetype == "bdist_egg" else b"old " + filename.encode()
    built = Built(filename, content, b"", "up-old", "1.0")

    reply = upload(
        server.url, built, token, filetype=filetype, pyversion="2.7", metadata_version=None
    )

    assert (reply.status, reply.body) == (200, f"published {filename}\n".encode())
    assert filename in listed(server, "up-old")


def test_bytes_are_not_altered(server: Cloche, token: str) -> None:
    """What was uploaded comes back byte for byte, and its metadata beside it."""
    built = wheel("up-same", "1.0", requires=["b>1"], requires_python=">=3.8", size=200_000)
    assert upload(server.url, built, token).status == 200
    place = f"/packages/main/up-same/{built.sha256}/{built.filename}"

    assert server.get(place).body == built.content
    assert server.get(f"{place}.metadata").body == built.metadata


def test_same_bytes_again(server: Cloche, token: str) -> None:
    """The same bytes again are a success, for clients try again."""
    built = sdist("up-again", "1.0")

    replies = [upload(server.url, built, token) for _ in range(3)]

    assert [reply.status for reply in replies] == [200, 200, 200]
    assert listed(server, "up-again") == [built.filename]


def test_other_bytes_under_a_taken_name(server: Cloche, token: str) -> None:
    """Other bytes under a taken name are a conflict that says so from its first word on."""
    assert upload(server.url, wheel("up-taken", "1.0"), token).status == 200

    reply = upload(server.url, wheel("up-taken", "1.0", body=b"other = 1"), token)

    assert reply.status == 409
    assert reply.reason.startswith("File already exists")
    assert detail(reply).startswith("File already exists")


def test_race_for_a_name_has_one_winner(server: Cloche, token: str) -> None:
    """Of many uploads of one name at once, the bytes of one are taken and the others refused."""
    rivals = [wheel("up-race", "1.0", body=b"x = %d" % n) for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda built: upload(server.url, built, token).status, rivals))

    assert sorted(replies) == [200] + [409] * 5
    winner = rivals[replies.index(200)]
    assert server.get(f"/packages/main/up-race/{winner.sha256}/{winner.filename}").status == 200


def test_chunked_body(server: Cloche, token: str) -> None:
    """A form without a length, in chunks that cut every part, is read like any other."""
    built = wheel("up-chunked", "1.0")
    body = encode(parts(built))
    chunks = (body[at : at + 7] for at in range(0, len(body), 7))

    assert post(server.url, "/legacy/", chunks, headers(token)).status == 200


def test_expect_continue(server: Cloche, token: str) -> None:
    """A client that asks whether to go on is told so, when it may upload."""
    body = encode(parts(wheel("up-expect", "1.0")))
    with Talk(server.url) as talk:
        talk.send(head(token, len(body), "Expect: 100-continue\r\n"))
        assert talk.reply().status == 100
        talk.send(body)
        assert talk.reply().status == 200


def head(secret: str, length: int, more: str = "", path: str = "/legacy/") -> str:
    said = {**headers(secret), "Host": "x", "Content-Length": str(length)}
    lines = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    return f"POST {path} HTTP/1.1\r\n{lines}{more}\r\n"


# What is refused ------------------------------------------------------------------------------


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
        ("action", "doc_upload"),
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
        talk.send(head(token, len(body) + 1000, path="/legacy/?gone"), body)
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
        talk.send(head(token, 1 << 40, "Expect: 100-continue\r\n"))
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
        talk.send(head(token, 1000, "Expect: 100-continue\r\n", path="/frozen/legacy/"))
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
        talk.send(head("wrong", len(body)), body)
        assert talk.reply().status == 401
        talk.send(head(token, len(body)), body)
        assert talk.reply().status == 200
