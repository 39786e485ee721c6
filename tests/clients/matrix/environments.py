"""Virtual environments for clients that install into the one that is active."""

import subprocess
from pathlib import Path

from tests.clients.client import ROOT


def virtual(folder: Path, python: Path) -> dict[str, str]:
    """Make the folder's environment, unless it is there; return what makes it the active one."""
    home = folder / ".venv"
    if not home.exists():
        uv = ROOT / ".venvs" / "uv" / "bin" / "uv"
        subprocess.run([uv, "venv", "--quiet", "--no-config", "--python", python, home], check=True)
    return {"VIRTUAL_ENV": str(home)}


def site(folder: Path) -> Path:
    """Return where the folder's environment has its packages."""
    (found,) = (folder / ".venv").glob("lib/python*/site-packages")
    return found
