"""The build backend that lies in every sdist of tests/packages.py: it needs nothing but Python.

An sdist that names a backend from an index cannot be installed by a client that sees only
the server under test; one that brings its backend along can.
"""

import hashlib
import zipfile
from base64 import urlsafe_b64encode
from email.parser import HeaderParser
from pathlib import Path

WHEEL = b"Wheel-Version: 1.0\nGenerator: sdist_backend\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def build_wheel(
    wheel_directory: str,
    config_settings: object = None,  # noqa: ARG001 - PEP 517 names the three
    metadata_directory: str | None = None,  # noqa: ARG001 - PEP 517 names the three
) -> str:
    """Write the wheel of the sdist in the current folder, and return its filename (PEP 517)."""
    pkg_info = Path("PKG-INFO").read_bytes()
    fields = HeaderParser().parsestr(pkg_info.decode())
    module = next(Path("src").glob("*.py"))
    stem = f"{module.stem}-{fields['Version']}"
    members = {
        module.name: module.read_bytes(),
        f"{stem}.dist-info/METADATA": pkg_info,
        f"{stem}.dist-info/WHEEL": WHEEL,
    }
    filename = f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory) / filename, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr(f"{stem}.dist-info/RECORD", _record(members, stem))
    return filename


def _record(members: dict[str, bytes], stem: str) -> str:
    lines = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in members.items()]
    return "\n".join([*lines, f"{stem}.dist-info/RECORD,,", ""])


def _digest(data: bytes) -> str:
    return urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
