"""Several stateless nodes over one PostgreSQL and one bucket, by configuration alone."""

import base64
import hashlib
import json
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.packages import Built, wheel
from tests.server import Cloche
from tests.services.s3 import Bucket
from tests.upstream.controller import Upstream
from tests.web.api.managing import Manager, place

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}


@pytest.fixture
def nodes(
    tmp_path: Path, postgres_url: str, s3: Bucket, upstream: Upstream
) -> Iterator[tuple[Cloche, Cloche]]:
    """Two nodes that share nothing but the database and the bucket; one of two workers."""
    config = tmp_path / "cloche.toml"
    config.write_text(
        f"""
        [store]
        database = "{postgres_url}"
        blobs = "{s3.url}"
        [store.s3]
        endpoint = "{s3.endpoint}"
        region = "here"
        access_key_id = "{s3.access_key}"
        secret_access_key = "{s3.secret_key}"
        """
    )
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(
                Cloche(tmp_path / name, upstream=upstream.simple, config=config, workers=workers)
            )
            for name, workers in (("one", 1), ("two", 2))
        )
        yield first, second


def publish(node: Cloche, token: str, built: Built) -> int:
    """Upload as twine does, and return the status."""
    boundary = uuid4().hex
    fields = {
        ":action": "file_upload",
        "protocol_version": "1",
        "sha256_digest": hashlib.sha256(built.content).hexdigest(),
    }
    parts = [
        f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    head = (
        f'--{boundary}\r\ncontent-disposition: form-data; name="content"; '
        f'filename="{built.filename}"\r\n\r\n'
    )
    body = "".join([*parts, head]).encode() + built.content + f"\r\n--{boundary}--\r\n".encode()
    credentials = base64.b64encode(f"__token__:{token}".encode()).decode()
    request = urllib.request.Request(  # noqa: S310 - loopback
        node.legacy,
        body,
        {
            "Authorization": f"Basic {credentials}",
            "Content-Type": f"multipart/form-data; boundary={boundary}",
        },
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - loopback
        status: int = answer.status
    return status


def shown(node: Cloche, project: str) -> Any:
    reply = node.get(f"/simple/{project}/", headers=JSON)
    assert reply.status == 200
    return json.loads(reply.body)


def filenames(node: Cloche, project: str) -> list[str]:
    return [file["filename"] for file in shown(node, project)["files"]]


def test_every_node_serves_an_upload_that_was_answered(nodes: tuple[Cloche, Cloche]) -> None:
    """When one node has answered an upload with 200, every worker of every node serves it."""
    first, second = nodes
    token = first.token("upload", "read")
    uploads = [wheel("acme", f"1.{minor}") for minor in range(12)]
    for count, built in enumerate(uploads, 1):
        here, there = (first, second) if count % 2 else (second, first)
        assert publish(here, token, built) == 200

        for node in (there, there, here):  # a node of two workers may answer with either
            assert filenames(node, "acme") == [each.filename for each in uploads[:count]]


def test_every_node_shows_a_change_that_was_answered(nodes: tuple[Cloche, Cloche]) -> None:
    """When one node has answered a yank or a status, every worker of every node shows it."""
    first, second = nodes
    built = wheel("acme", "1.0")
    assert publish(first, first.token("upload"), built) == 200
    secret = first.token("admin")
    for count in range(6):
        here, there = (first, second) if count % 2 else (second, first)
        admin, reason = Manager(here, secret), f"number {count}"
        admin.do("POST", place("acme", "versions", "1.0", "yank"), {"reason": reason})
        for node in (there, there, here):
            assert shown(node, "acme")["files"][0]["yanked"] == reason
        wanted = {"status": "deprecated", "reason": reason}
        admin.do("PUT", place("acme", "status"), wanted)
        for node in (there, there, here):
            assert shown(node, "acme")["project-status"] == wanted

    Manager(first, secret).do("DELETE", place("acme"))
    for node in (second, second, first):
        assert node.get("/simple/acme/").status == 404


def test_nodes_share_the_bytes(nodes: tuple[Cloche, Cloche], upstream: Upstream) -> None:
    """What one node has fetched or taken in, another serves from the bucket, upstream or not."""
    first, second = nodes
    public, private = wheel("public", "1.0", size=300_000), wheel("private", "1.0", size=300_000)
    upstream.add(public)
    assert publish(second, first.token("upload"), private) == 200
    assert [download(first, "public"), download(first, "private")] == [
        public.content,
        private.content,
    ]

    with upstream.down():
        assert download(second, "public") == public.content
    assert download(second, "private") == private.content


def download(node: Cloche, project: str) -> bytes:
    page = json.loads(node.get(f"/simple/{project}/", headers=JSON).body)
    reply = node.get("/" + page["files"][0]["url"].replace("../", ""))
    assert reply.status == 200
    return reply.body
