"""Real distributions, built in memory: every client can install them.

The same arguments give the same bytes, so a digest may be compared across processes.
"""

import gzip
import hashlib
import io
import tarfile
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

from packaging.utils import canonicalize_name

ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
TAR_TIME = 320_000_000  # in 1980: setuptools makes eggs, which are zips, out of sdists
PYPROJECT = b'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
BACKEND = Path(__file__).with_name("sdist_backend.py").read_bytes()


@dataclass(frozen=True, slots=True)
class Built:
    """One distribution: its filename, its bytes, and the metadata that lies inside it."""

    filename: str
    content: bytes
    metadata: bytes
    name: str
    version: str
    requires_python: str | None = None

    @property
    def project(self) -> str:
        """The name in normal form (PEP 503)."""
        return canonicalize_name(self.name)

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def md5(self) -> str:
        return hashlib.md5(self.content, usedforsecurity=False).hexdigest()

    @property
    def blake2_256(self) -> str:
        return hashlib.blake2b(self.content, digest_size=32).hexdigest()

    @property
    def metadata_sha256(self) -> str:
        return hashlib.sha256(self.metadata).hexdigest()

    def write(self, folder: Path) -> Path:
        """Write the file into the folder under its own name, and return where it lies."""
        path = folder / self.filename
        path.write_bytes(self.content)
        return path


class Described(TypedDict, total=False):
    """What core metadata says of a distribution beyond its name and version."""

    requires: Iterable[str]
    requires_python: str | None
    description: str
    summary: str
    fields: Iterable[tuple[str, str]]
    metadata_version: str


def wheel(
    name: str,
    version: str,
    *,
    body: bytes = b"",
    metadata: bytes | None = None,
    tag: str = "py3-none-any",
    build: str = "",
    files: Mapping[str, bytes] | None = None,
    size: int | None = None,
    **described: Unpack[Described],
) -> Built:
    """Build a wheel with one module, whose source is `body` after a line that sets __version__.

    `fields` are further metadata lines; `metadata` replaces METADATA whole, also by a lie.
    `files` are further members. `size` is the exact length of the wheel: it is padded with
    bytes that do not compress; ValueError if it cannot be that small.
    """
    stem = f"{module_name(name)}-{version}"
    if metadata is None:
        metadata = core_metadata(name, version, **described)
    members = {f"{module_name(name)}.py": _source(version, body), **(files or {})}
    info = {"METADATA": metadata, "WHEEL": _wheel_file(tag, build)}
    content = _padded(stem, members, info, size)
    filename = "-".join(filter(None, (stem, build, tag))) + ".whl"
    return Built(filename, content, metadata, name, version, described.get("requires_python"))


def sdist(
    name: str,
    version: str,
    *,
    body: bytes = b"",
    metadata: bytes | None = None,
    files: Mapping[str, bytes] | None = None,
    **described: Unpack[Described],
) -> Built:
    """Build an sdist with one module and a backend of its own, so building it needs no index."""
    stem = f"{module_name(name)}-{version}"
    if metadata is None:
        metadata = core_metadata(name, version, **described)
    members = {
        "PKG-INFO": metadata,
        "pyproject.toml": PYPROJECT,
        "backend.py": BACKEND,
        f"src/{module_name(name)}.py": _source(version, body),
        **(files or {}),
    }
    content = _tar_gz({f"{stem}/{path}": data for path, data in members.items()})
    requires_python = described.get("requires_python")
    return Built(f"{stem}.tar.gz", content, metadata, name, version, requires_python)


def core_metadata(name: str, version: str, **described: Unpack[Described]) -> bytes:
    """Write core metadata as METADATA and PKG-INFO hold it."""
    lines = [("Metadata-Version", described.get("metadata_version", "2.4"))]
    lines += [("Name", name), ("Version", version)]
    if summary := described.get("summary"):
        lines.append(("Summary", summary))
    if requires_python := described.get("requires_python"):
        lines.append(("Requires-Python", requires_python))
    lines += [("Requires-Dist", requirement) for requirement in described.get("requires", ())]
    lines += described.get("fields", ())
    head = "".join(f"{key}: {value}\n" for key, value in lines)
    description = described.get("description", "")
    return (f"{head}\n{description}" if description else head).encode()


def module_name(name: str) -> str:
    """Return the name as wheels, sdists and their one module spell it."""
    return canonicalize_name(name).replace("-", "_")


def _source(version: str, body: bytes) -> bytes:
    return f'__version__ = "{version}"\n'.encode() + body


def _wheel_file(tag: str, build: str) -> bytes:
    lines = ["Wheel-Version: 1.0", "Generator: tests.packages", "Root-Is-Purelib: true"]
    if build:
        lines.append(f"Build: {build}")
    pythons, abis, platforms = (part.split(".") for part in tag.split("-"))
    lines += [
        f"Tag: {python}-{abi}-{platform}"
        for python in pythons
        for abi in abis
        for platform in platforms
    ]
    return ("\n".join(lines) + "\n").encode()


def _padded(
    stem: str, members: dict[str, bytes], info: dict[str, bytes], size: int | None
) -> bytes:
    """Zip a wheel up, `size` bytes long if a size is given."""
    if size is None:
        return _wheel_zip(stem, members, info)
    name = f"{stem.partition('-')[0]}_padding.bin"
    bare = len(_wheel_zip(stem, {**members, name: b""}, info))
    # RECORD spells the padding's length out: "0" in the bare wheel, `digits` in this one.
    for digits in range(1, 13):
        length = size - bare - (digits - 1)
        if length >= 0 and len(str(length)) == digits:
            return _wheel_zip(stem, {**members, name: _noise(stem, length)}, info)
    if size < bare:
        raise ValueError(f"a wheel of {stem} has at least {bare} bytes, not {size}")
    # Between 9 and 10 (99 and 100, ...) bytes of padding one length is out of reach.
    module, source = next(iter(members.items()))
    return _padded(stem, {**members, module: source + b"\n"}, info, size)


def _noise(seed: str, length: int) -> bytes:
    return hashlib.shake_128(seed.encode()).digest(length)


def _wheel_zip(stem: str, members: Mapping[str, bytes], info: Mapping[str, bytes]) -> bytes:
    folder = f"{stem}.dist-info"
    everything = {**members, **{f"{folder}/{name}": data for name, data in info.items()}}
    everything[f"{folder}/RECORD"] = _record(everything, f"{folder}/RECORD")
    out = io.BytesIO()
    # Stored, not deflated: lengths add up, and zlib's version cannot change the bytes.
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in everything.items():
            entry = zipfile.ZipInfo(name, ZIP_EPOCH)
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, data)
    return out.getvalue()


def _record(members: Mapping[str, bytes], own: str) -> bytes:
    lines = [f"{name},sha256={_record_digest(data)},{len(data)}" for name, data in members.items()]
    return "\n".join([*lines, f"{own},,", ""]).encode()


def _record_digest(data: bytes) -> str:
    return urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _tar_gz(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            entry.mode = 0o644
            entry.mtime = TAR_TIME
            archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(out.getvalue(), mtime=0)
