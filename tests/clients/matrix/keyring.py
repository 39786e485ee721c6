"""A keyring with a password in it, for clients that look there."""

import json
import os
from pathlib import Path

from tests.clients.client import ROOT, Client

BIN = ROOT / ".venvs" / "pip" / "bin"
"""Where a program named keyring lies."""
BACKEND = {
    "PYTHON_KEYRING_BACKEND": "jar.Jar",
    "PYTHONPATH": str(Path(__file__).with_name("keyring_backend")),
    "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
}


def keep(client: Client, service: str, user: str, password: str) -> dict[str, str]:
    """Put the password into the client's keyring; return what makes the client look there."""
    (client.home / "jar.json").write_text(json.dumps({service: (user, password)}))
    return BACKEND
