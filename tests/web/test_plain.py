"""Files uploaded to their own names, without a form."""

import http.client
import subprocess
from pathlib import Path

import pytest

from tests.packages import Built, sdist, wheel
from tests.server import Cloche, Reply
from tests.web.answers import detail, listed
from tests.web.conftest import MAX_UPLOAD
from tests.web.tokens import basic


def send(
    server: Cloche, method: str, path: str, body: bytes, said: dict[str, str] | None = None
) -> Reply:
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    try:
        connection.request(method, path, body, said or {})
        response = connection.getresponse()
        return Reply(response.status, response.reason, response.headers, response.read())
    finally:
        connection.close()


def curl(server: Cloche, token: str, folder: Path, *arguments: str) -> str:
    """Run curl as the documentation says; return what it prints, the status last."""
    done = subprocess.run(
        ["curl", "-sS", "-q", "--noproxy", "*", "-u", f"__token__:{token}", "-w", "%{http_code}"]
        + [each.replace("$I", server.url) for each in arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("plain-t", ("-T", "{file}", "$I/")),
        ("plain-t-index", ("-T", "{file}", "$I/main/")),
        ("plain-t-legacy", ("-T", "{file}", "$I/legacy/{file}")),
        ("plain-data", ("--data-binary", "@{file}", "$I/legacy/{file}")),
        ("plain-form", ("-F", ":action=file_upload", "-F", "content=@{file}", "$I/legacy/")),
    ],
)
def test_curl(
    server: Cloche, token: str, tmp_path: Path, name: str, arguments: tuple[str, ...]
) -> None:
    """A file that curl sends is published: by PUT, by POST, or in a form of two fields."""
    built = wheel(name, "1.0", size=100_000)
    built.write(tmp_path)

    said = curl(server, token, tmp_path, *(a.format(file=built.filename) for a in arguments))

    assert said.startswith(f"published {built.filename}\n"), said
    assert listed(server, name) == [built.filename]
    assert server.get(f"/packages/main/{name}/{built.sha256}/{built.filename}").body == (
        built.content
    )


def test_second_segment_of_an_index(server: Cloche, token: str) -> None:
    """A file goes to the index that the path names."""
    built = sdist("plain-team", "1.0")

    reply = send(server, "PUT", f"/team/dev/{built.filename}", built.content, basic(token))

    assert reply.status == 201
    assert listed(server, "plain-team", "team/dev") == [built.filename]
    assert listed(server, "plain-team") == []


def test_local_version(server: Cloche, token: str) -> None:
    """A filename with a plus arrives as it is, quoted or not."""
    built = wheel("plain-local", "1.0+a.1")
    replies = [
        send(server, "PUT", f"/{quoted}", built.content, basic(token))
        for quoted in (built.filename, built.filename.replace("+", "%2B"))
    ]

    assert [reply.status for reply in replies] == [201, 200]
    assert listed(server, "plain-local") == [built.filename]


def test_same_and_other_bytes(server: Cloche, token: str) -> None:
    """A new file is 201, the same again 200, other bytes under its name 409."""
    built, other = wheel("plain-same", "1.0"), wheel("plain-same", "1.0", body=b"other = 1")
    place = f"/{built.filename}"

    replies = [
        send(server, "PUT", place, each.content, basic(token)) for each in (built, built, other)
    ]

    assert [reply.status for reply in replies] == [201, 200, 409]
    assert replies[2].reason.startswith("File already exists")


@pytest.mark.parametrize(
    ("built", "filename"),
    [
        (wheel("plain-lie", "1.0"), "plain_lie-2.0-py3-none-any.whl"),
        (wheel("plain-lie", "1.0"), "plain_truth-1.0-py3-none-any.whl"),
        (Built("plain_lie-1.0.tar.gz", b"no archive", b"", "plain-lie", "1.0"), None),
        (wheel("plain-lie", "1.0"), "plain_lie.whl"),
    ],
)
def test_every_check_applies(
    server: Cloche, token: str, built: Built, filename: str | None
) -> None:
    """What a form's file must hold to, a plain one must, too."""
    place = f"/legacy/{filename or built.filename}"

    assert send(server, "PUT", place, built.content, basic(token)).status == 400
    assert (listed(server, "plain-lie"), listed(server, "plain-truth")) == ([], [])


def test_plain_upload_needs_a_token(server: Cloche) -> None:
    """Without a token nothing is published; an index that takes no uploads takes none."""
    built = wheel("plain-nobody", "1.0")

    assert send(server, "PUT", f"/{built.filename}", built.content).status == 401
    assert listed(server, "plain-nobody") == []


def test_index_without_uploads(server: Cloche, token: str) -> None:
    """An index that takes no uploads takes no plain ones."""
    built = wheel("plain-frozen", "1.0")

    assert send(server, "PUT", f"/frozen/{built.filename}", b"", basic(token)).status == 403


@pytest.mark.parametrize("chunked", [False, True])
def test_too_large(server: Cloche, token: str, chunked: bool) -> None:  # noqa: FBT001
    """A file beyond max_upload is refused, whether its length was told or not."""
    built = wheel("plain-large", "1.0", size=MAX_UPLOAD + 1)
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    half = len(built.content) // 2
    pieces = iter((built.content[:half], built.content[half:]))
    body = pieces if chunked else built.content
    connection.request("PUT", f"/{built.filename}", body, basic(token), encode_chunked=chunked)

    assert connection.getresponse().status == 413
    connection.close()
    assert listed(server, "plain-large") == []


def test_form_at_a_file_name(server: Cloche, token: str) -> None:
    """A form at a file's own address is told where forms go."""
    said = {**basic(token), "Content-Type": "multipart/form-data; boundary=x"}

    reply = send(server, "POST", "/legacy/plain_form-1.0-py3-none-any.whl", b"", said)

    assert reply.status == 400
    assert "/legacy/" in detail(reply)


def test_other_methods_find_nothing(server: Cloche) -> None:
    """An address that takes a PUT is otherwise not there."""
    assert server.get("/plain_form-1.0-py3-none-any.whl").status == 404
    assert server.get("/legacy/plain_form-1.0-py3-none-any.whl").status == 404
