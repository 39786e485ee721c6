"""Clients of a server that may die at any moment: what they sent, and what they can rely on."""

import base64
import hashlib
import http.client
import json
import uuid
from contextlib import ExitStack, closing, suppress
from typing import Any
from urllib.parse import urljoin

from tests.packages import Built
from tests.server import Reply
from tests.upstream.answers import JSON
from tests.upstream.fetching import Fetched, fetch

SECONDS = 60.0
"""That a client waits for an answer; a test that waits so long fails."""
BROKEN = (OSError, http.client.HTTPException)


class Uploading:
    """An upload that is sent in two parts, so that something can happen in between."""

    def __init__(self, url: str, token: str, built: Built) -> None:
        boundary = uuid.uuid4().hex
        self._body = _form(built, boundary)
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=SECONDS)
        with ExitStack() as broken:
            broken.callback(self.close)
            self._begin(token, boundary)
            broken.pop_all()

    def _begin(self, token: str, boundary: str) -> None:
        self._connection.putrequest("POST", "/legacy/")
        credentials = base64.b64encode(f"__token__:{token}".encode()).decode()
        self._connection.putheader("Authorization", f"Basic {credentials}")
        self._connection.putheader("Content-Type", f"multipart/form-data; boundary={boundary}")
        self._connection.putheader("Content-Length", str(len(self._body)))
        self._connection.endheaders()
        self._connection.send(self._body[: len(self._body) // 2])

    def finish(self) -> Reply:
        """Send the second half and read the answer."""
        with closing(self._connection):
            self._connection.send(self._body[len(self._body) // 2 :])
            response = self._connection.getresponse()
            return Reply(response.status, response.reason, response.headers, response.read())

    def close(self) -> None:
        self._connection.close()


def upload(url: str, token: str, built: Built) -> Reply | None:
    """Upload; None when the connection broke before the answer was there."""
    try:
        return Uploading(url, token, built).finish()
    except BROKEN:
        return None


def acknowledged(url: str, token: str, built: Built) -> bool:
    """Upload; say whether it was answered 200, and fail at any answer but that or none."""
    reply = upload(url, token, built)
    assert reply is None or reply.status == 200, reply
    return reply is not None


def taken(url: str) -> bytes | None:
    """What a client takes for the whole of a file or page; None when it notices that it is not.

    Fails at any answer but 200, and none.
    """
    with suppress(*BROKEN):
        got = fetch(url, {"Accept": JSON}, seconds=SECONDS)
        assert got.status == 200, got
        if got.error is None:
            return got.body
    return None


def page(url: str, project: str) -> dict[str, dict[str, Any]]:
    """The files that the project's page lists, by their names; none when there is no page."""
    got = fetch(f"{url}/simple/{project}/", {"Accept": JSON}, seconds=SECONDS)
    assert (got.status, got.error) in {(200, None), (404, None)}, got
    files = json.loads(got.body)["files"] if got.status == 200 else []
    return {file["filename"]: file for file in files}


def file_url(url: str, built: Built) -> str:
    """Where the page says that the file lies; its metadata lies at the same with `.metadata`."""
    where: str = page(url, built.project)[built.filename]["url"]
    return urljoin(f"{url}/simple/{built.project}/", where)


def download(url: str) -> Fetched:
    return fetch(url, seconds=SECONDS)


def is_whole(url: str, built: Built) -> bool:
    """Fail unless the file is listed, and it and its metadata come with the right bytes.

    False when the page does not list it at all.
    """
    listed = page(url, built.project).get(built.filename)
    if listed is None:
        return False
    assert listed["hashes"]["sha256"] == built.sha256
    assert listed["core-metadata"] == {"sha256": built.metadata_sha256}
    where = file_url(url, built)
    assert taken(where) == built.content
    assert taken(f"{where}.metadata") == built.metadata
    return True


def false_offers(url: str, project: str) -> list[str]:
    """The files on the project's page that cannot be had as the page says."""
    return [
        name
        for name, listed in page(url, project).items()
        if not _is_true(urljoin(f"{url}/simple/{project}/", listed["url"]), listed)
    ]


def _is_true(where: str, listed: dict[str, Any]) -> bool:
    claimed = {where: listed["hashes"]}
    if listed.get("core-metadata"):
        claimed[f"{where}.metadata"] = listed["core-metadata"]
    bodies = {place: download(place) for place in claimed}
    return all(
        got.status == 200 and hashlib.sha256(got.body).hexdigest() == claimed[place]["sha256"]
        for place, got in bodies.items()
    )


def _form(built: Built, boundary: str) -> bytes:
    fields = {
        ":action": "file_upload",
        "protocol_version": "1",
        "metadata_version": "2.4",
        "name": built.name,
        "version": built.version,
        "filetype": "bdist_wheel",
        "pyversion": "py3",
        "md5_digest": built.md5,
        "sha256_digest": built.sha256,
        "blake2_256_digest": built.blake2_256,
    }
    start = f"--{boundary}\r\nContent-Disposition: form-data; name="
    text = "".join(f'{start}"{name}"\r\n\r\n{value}\r\n' for name, value in fields.items())
    text += f'{start}"content"; filename="{built.filename}"\r\n\r\n'
    return text.encode() + built.content + f"\r\n--{boundary}--\r\n".encode()
