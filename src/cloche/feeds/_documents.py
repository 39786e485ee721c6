"""The documents in what a feed sends: a zip archive of them, as OSV publishes, or JSON."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from cloche.core import zips
from cloche.core.errors import BadUpload, UpstreamLies

MAX_DOCUMENT = 4 << 20  # bytes: the longest lists of versions have some 100 KiB
MAX_DOCUMENTS = 300_000  # OSV knows some 20,000 about PyPI
MAX_UNPACKED = 8 << 30  # bytes of all documents together

_ZIP = b"PK"


def documents(path: Path, name: str) -> Iterator[bytes | None]:
    """Each document of an archive, or of a JSON file: one, or a list of them.

    None is one that is too large. Raise UpstreamLies when it is neither, or holds too much.
    """
    try:
        with path.open("rb") as file:
            is_zip = file.read(2) == _ZIP
        yield from _bounded(_unpacked(path) if is_zip else _listed(path), name)
    except BadUpload as e:
        raise UpstreamLies(f"what advisories.{name} has is a damaged archive: {e}") from None
    except msgspec.DecodeError as e:
        raise UpstreamLies(
            f"what advisories.{name} has is neither a zip archive nor JSON: {str(e)[:200]}"
        ) from None
    except OSError as e:
        raise UpstreamLies(f"advisories.{name}: {path} cannot be read ({e.strerror})") from None


def _unpacked(path: Path) -> Iterator[bytes | None]:
    with path.open("rb") as file:
        for member in zips.listed(file, MAX_DOCUMENTS):
            if member.size > MAX_DOCUMENT:
                yield None
            elif member.name.endswith(".json"):
                yield zips.content(file, member, MAX_DOCUMENT)


def _listed(path: Path) -> Iterator[bytes | None]:
    raw = path.read_bytes()  # its size is bounded
    if raw.lstrip()[:1] != b"[":
        msgspec.json.decode(raw, type=msgspec.Raw)
        yield raw
        return
    for each in msgspec.json.decode(raw, type=list[msgspec.Raw]):
        yield _all_of(bytes(each))


def _all_of(data: bytes) -> bytes | None:
    return data if len(data) <= MAX_DOCUMENT else None


def _bounded(found: Iterator[bytes | None], name: str) -> Iterator[bytes | None]:
    size = 0
    for count, document in enumerate(found, 1):
        size += MAX_DOCUMENT if document is None else len(document)
        if count > MAX_DOCUMENTS or size > MAX_UNPACKED:
            raise UpstreamLies(
                f"advisories.{name} has more than {MAX_DOCUMENTS} documents or {MAX_UNPACKED} "
                "bytes of them; that is no list of advisories"
            )
        yield document


def of_folder(files: Iterator[Path], name: str) -> Iterator[bytes | None]:
    """Each document of a folder: files of JSON. One that goes meanwhile is none."""
    return _bounded((_read(path) for path in files), name)


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return _all_of(file.read(MAX_DOCUMENT + 1))
    except OSError:
        return None
