"""What the server said to an upload, and what it lists then."""

import msgspec

from tests.server import Cloche, Reply


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
