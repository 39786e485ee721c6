"""Uploads over the wire: what is taken."""

import asyncio
import hashlib
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from cloche.catalog import connect
from tests.catalog.samples import remove
from tests.packages import Built, sdist, wheel
from tests.server import Cloche
from tests.web.answers import detail, listed
from tests.web.forms import Part, encode, headers, parts, post, post_head, upload
from tests.web.talk import Talk
from tests.web.test_signatures import ARMORED


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
    """A signature, no attestations, comments and repeated fields do not disturb an upload."""
    built = sdist("up-extra", "1.0")
    form = [
        Part("gpg_signature", ARMORED, "up_extra-1.0.tar.gz.asc"),
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


def test_another_spelling_of_a_name(server: Cloche, token: str) -> None:
    """Two spellings of one file would be two files to clients: the second is a conflict."""
    built = sdist("up-spelt", "1.0")
    assert upload(server.url, built, token).status == 200

    reply = upload(server.url, replace(built, filename="Up_Spelt-1.0.tar.gz"), token)

    assert reply.status == 409
    assert reply.reason.startswith("File already exists: Up_Spelt-1.0.tar.gz is")
    assert listed(server, "up-spelt") == [built.filename]


def test_deleted_name_is_never_reused(server: Cloche, token: str) -> None:
    """A name whose file was deleted takes the same bytes again, and never others."""
    built, other = wheel("up-deleted", "1.0"), wheel("up-deleted", "1.0", body=b"other = 1")
    assert upload(server.url, built, token).status == 200
    delete(server.data, built.filename)
    place = f"/packages/main/up-deleted/{built.sha256}/{built.filename}"
    assert (listed(server, "up-deleted"), server.get(place).status) == ([], 404)

    refused = upload(server.url, other, token)

    assert refused.status == 409
    assert refused.reason.startswith("File already exists")
    assert upload(server.url, built, token).status == 200
    assert listed(server, "up-deleted") == [built.filename]


def delete(data: Path, filename: str) -> None:
    async def run() -> None:
        catalog = connect(f"sqlite:///{data / 'cloche.db'}")
        await remove(catalog, filename, who="tester")
        await catalog.close()

    asyncio.run(run())


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
        talk.send(post_head(token, len(body), "Expect: 100-continue\r\n"))
        assert talk.reply().status == 100
        talk.send(body)
        assert talk.reply().status == 200


def test_distutils_whole_blake2(server: Cloche, token: str) -> None:
    """All 512 bits of blake2, which distutils sends in place of 256, are held against the file."""
    built = wheel("up-blake2", "1.0")
    whole = hashlib.blake2b(built.content).hexdigest()
    false = hashlib.blake2b(b"other").hexdigest()

    assert upload(server.url, built, token, blake2_256_digest=false).status == 400
    assert upload(server.url, built, token, blake2_256_digest=whole).status == 200
