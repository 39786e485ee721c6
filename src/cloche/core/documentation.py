"""A project's documentation, as a zip archive of web pages brings it."""

import mimetypes
from typing import BinaryIO

from cloche.core import zips
from cloche.core.archive import bad_names, told
from cloche.core.errors import BadUpload

INDEX = "index.html"
MAX_FILES = 20_000
MAX_FILE = 64 << 20  # bytes of one file
MAX_TOTAL = 1 << 30  # bytes of all, unpacked
MAX_PATH = 1_000  # characters

# The machine's own tables would make one upload two things on two machines; so do Python's
# releases, of which 3.11 does not know these.
_TYPES = mimetypes.MimeTypes()
for _kind, _ends in {
    "text/javascript": (".js", ".mjs"),
    "text/markdown": (".md",),
    "font/woff": (".woff",),
    "font/woff2": (".woff2",),
    "font/ttf": (".ttf",),
    "image/avif": (".avif",),
    "image/webp": (".webp",),
    "application/wasm": (".wasm",),
}.items():
    for _end in _ends:
        _TYPES.add_type(_kind, _end)


def members(file: BinaryIO) -> list[zips.Member]:
    """The files in it. Raise BadUpload, with all that is wrong, unless they make a site."""
    found = [member for member in zips.members(file, MAX_FILES) if not member.is_folder]
    problems = bad_names((member.name, False) for member in found)
    problems += [
        f"the path {member.name[:100]!r}… is longer than {MAX_PATH} characters; shorten it"
        for member in found
        if len(member.name) > MAX_PATH
    ]
    if INDEX not in {member.name for member in found}:
        problems.append(f"the archive has no {INDEX} at its top; put the pages there")
    if sum(member.size for member in found) > MAX_TOTAL:
        problems.append(f"the archive unpacks to more than {MAX_TOTAL} bytes; ship fewer pages")
    if problems:
        raise BadUpload(told(problems))
    return found


def content(file: BinaryIO, member: zips.Member) -> bytes:
    """Unpack one file. Raise BadUpload when that cannot be."""
    return zips.content(file, member, MAX_FILE)


def content_type(path: str) -> str:
    """What a browser should take the file for, by its name alone."""
    kind, packing = _TYPES.guess_type(path)
    if kind is None or packing is not None:
        return "application/octet-stream"
    # A page says its encoding itself, in words that a header would overrule.
    plain = kind.startswith("text/") and kind != "text/html"
    return f"{kind}; charset=utf-8" if plain else kind
