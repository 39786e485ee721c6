"""The list of all projects (PEP 503 and 691's root page), in parts that change one by one.

The names are kept in the very bytes that are sent, compressed: 700,000 take 8 MB so, and as
Python's objects over 100.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from operator import itemgetter

import msgspec
from msgspec import Struct

from cloche.core import gzips
from cloche.core.gzips import Part
from cloche.core.model import ProjectName
from cloche.core.negotiation import Format
from cloche.core.wire import API_VERSION

MANY = 2000
"""Projects that a part has when it is new; it is split when it has more than twice as many."""

Listed = dict[ProjectName, int]
"""The serial of each project's last change, by its name."""


class _Entry(Struct, frozen=True, gc=False):
    name: ProjectName
    serial: int = msgspec.field(name="_last-serial")


_decode = msgspec.json.Decoder(list[_Entry]).decode


class Stretch(Struct, frozen=True, gc=False):
    """Some projects that follow each other. Each entry has a comma before it, the first too."""

    first: ProjectName
    json: Part


class Roll(Struct, frozen=True):
    """All projects, sorted by name. `serial` is of the newest change of any, also of those gone."""

    stretches: tuple[Stretch, ...] = ()
    serial: int = 0

    @property
    def weight(self) -> int:
        """Bytes that it takes, about."""
        return sum(len(each.json.data) + 300 for each in self.stretches)


def roll(listed: Iterable[tuple[ProjectName, int]], serial: int) -> Roll:
    """Write the list anew, of names that come sorted. Costs some 3 µs a project."""
    rows, stretches = iter(listed), []
    while some := list(islice(rows, MANY)):
        stretches.append(_stretch(some))
    return Roll(tuple(stretches), serial)


def changed(before: Roll, changes: Mapping[ProjectName, int | None], serial: int) -> Roll:
    """Write anew only where something changed: None takes a project off the list."""
    firsts = [each.first for each in before.stretches]

    def place(change: tuple[ProjectName, int | None]) -> int:
        return max(0, bisect_right(firsts, change[0]) - 1)

    stretches: list[Sequence[Stretch]] = [(each,) for each in before.stretches] or [()]
    for at, group in groupby(sorted(changes.items(), key=itemgetter(0)), key=place):
        listed = _listed(before.stretches[at : at + 1])
        after = {**listed, **dict(group)}
        if after != listed:
            kept = sorted((name, last) for name, last in after.items() if last is not None)
            stretches[at] = tuple(_stretches(kept))
    return Roll(tuple(each for some in stretches for each in some), serial)


def entries(of: Roll) -> Iterator[Listed]:
    """All projects, a stretch at a time."""
    return (_listed((each,)) for each in of.stretches)


def json_parts(of: Roll) -> list[Part]:
    head = f'{{"meta":{{"_last-serial":{of.serial},"api-version":"{API_VERSION}"}},"projects":['
    bodies = [each.json for each in of.stretches]
    # The first of all entries has no comma before it.
    bodies[:1] = [gzips.part(gzips.text(each)[1:]) for each in bodies[:1]]
    return [gzips.part(head.encode()), *bodies, gzips.part(b"]}")]


def html_parts(of: Roll, known: dict[bytes, Part]) -> list[Part]:
    """`known` are stretches written before, by their digests; it is brought up to date."""
    after = {
        each.json.digest: known.get(each.json.digest) or _html_part(each) for each in of.stretches
    }
    known.clear()
    known.update(after)
    return [gzips.part(_HTML_HEAD), *after.values(), gzips.part(_HTML_END)]


_TITLE = "Simple index"
_HTML_HEAD = (
    # The content type v1+html has no parameter to say so.
    '<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n'
    f'<meta name="pypi:repository-version" content="{API_VERSION}">\n'
    f"<title>{_TITLE}</title>\n</head>\n<body>\n<h1>{_TITLE}</h1>\n"
).encode()
_HTML_END = b"</body>\n</html>\n"


def parts(of: Roll, form: Format, known: dict[bytes, Part]) -> list[Part]:
    """The list in one of its formats, to be joined."""
    return json_parts(of) if form is Format.JSON else html_parts(of, known)


def _html_part(of: Stretch) -> Part:
    lines = (f'<a href="{name}/">{name}</a><br>\n' for name in _listed((of,)))
    return gzips.part("".join(lines).encode())


def _stretches(rows: list[tuple[ProjectName, int]]) -> Iterator[Stretch]:
    size = len(rows) if len(rows) <= 2 * MANY else MANY
    for start in range(0, len(rows), size or 1):
        yield _stretch(rows[start : start + size])


def _stretch(rows: Iterable[tuple[ProjectName, int]]) -> Stretch:
    found = [_Entry(name, serial) for name, serial in rows]
    return Stretch(found[0].name, gzips.part(b"," + msgspec.json.encode(found)[1:-1]))


def _listed(of: Sequence[Stretch]) -> Listed:
    return {
        entry.name: entry.serial
        for each in of
        for entry in _decode(b"[" + gzips.text(each.json)[1:] + b"]")
    }
