"""What a client's run can be judged by: what was installed, downloaded, or listed."""

import hashlib
import json
from importlib.metadata import distributions
from pathlib import Path

from tests.packages import Built
from tests.server import Cloche

JSON = "application/vnd.pypi.simple.v1+json"


def installed(target: Path) -> dict[str, str]:
    """Return the name and version of each distribution in the folder."""
    return {found.name: found.version for found in distributions(path=[str(target)])}


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file in the folder, by its name."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


def promised(*built: Built) -> dict[str, str]:
    """Return what `digests` says of a folder that holds these, and nothing else."""
    return {one.filename: one.sha256 for one in built}


def listed(server: Cloche, project: str) -> dict[str, str]:
    """Return the SHA-256 of each file that the project's page lists, by its name."""
    reply = server.get(f"/simple/{project}/", {"Accept": JSON})
    assert reply.status == 200, reply
    files = json.loads(reply.body)["files"]
    return {file["filename"]: file["hashes"]["sha256"] for file in files}
