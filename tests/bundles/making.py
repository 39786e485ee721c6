"""Bundles without a server: of distributions built here, and forged ones."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import zstandard
from msgspec.structs import asdict, replace

from cloche.bundles.archive import Archive
from cloche.bundles.keys import Signer
from cloche.bundles.writing import Bench
from cloche.core import bundles
from cloche.core.bundles import Entry, Header, Member, Origin
from cloche.core.model import Digest, File, FileKey, Page, ProjectName
from cloche.core.negotiation import Format
from cloche.core.wire import render_page
from tests.packages import Built, wheel

AT = datetime(2026, 5, 4, 12, tzinfo=UTC)
SALT = wheel("salt", "1.0")
SALT_2 = wheel("salt", "2.0", requires=["eggs"])
EGGS = wheel("eggs", "1.0")
ONE: Mapping[str, Sequence[Built]] = {"eggs": [EGGS], "salt": [SALT]}
TWO: Mapping[str, Sequence[Built]] = {"pepper": [wheel("pepper", "1.0")], "salt": [SALT, SALT_2]}


def origin(at: datetime = AT, index: str = "main") -> Origin:
    return Origin(index=index, serial=1, at=at)


def members(files: Iterable[Built], there: Iterable[Built] = ()) -> tuple[Member, ...]:
    """The files with their metadata, as a manifest names them."""
    known = {each.sha256 for each in there}
    return tuple(
        Member(
            filename=each.filename + end,
            key=FileKey(each.sha256),
            sha256=Digest(hashlib.sha256(data).hexdigest()),
            size=len(data),
            here=each.sha256 not in known,
        )
        for each in files
        for end, data in (("", each.content), (".metadata", each.metadata))
    )


def page(project: str, files: Iterable[Built]) -> bytes:
    listed = tuple(
        File(
            filename=each.filename,
            hashes={"sha256": each.sha256},
            size=each.size,
            upload_time=AT,
            core_metadata={"sha256": each.metadata_sha256},
        )
        for each in files
    )
    return render_page(Page(name=ProjectName(project), files=listed), Format.JSON, "")


def entry(project: str, body: bytes, files: tuple[Member, ...]) -> Entry:
    digest = Digest(hashlib.sha256(body).hexdigest())
    return Entry(project=ProjectName(project), sha256=digest, size=len(body), files=files)


def contents(
    shown: Mapping[str, Sequence[Built]], before: Mapping[str, Sequence[Built]] | None = None
) -> Iterator[tuple[Entry, bytes | None]]:
    """What a bundle of these has, for who has `before`."""
    for project, files in sorted(shown.items()):
        there = (before or {}).get(project, ())
        body = page(project, files)
        same = bool(there) and body == page(project, there)
        yield entry(project, body, members(files, there)), None if same else body


def make(
    target: Path,
    given: Iterable[tuple[Entry, bytes | None]],
    built: Iterable[Built],
    signer: Signer | None = None,
    base: str | None = None,
    said: Origin | None = None,
    split: int | None = None,
) -> list[Path]:
    """Write a bundle as the command does, of whatever it is told to be."""
    bench = Bench(target, split)
    with bench.opened(b"test"):
        draft = bench.draft()
        for each, body in given:
            draft.add(each, body)
        draft.finish(said or origin(), base, signer)
        write(bench, built)
        return bench.publish()


def forge(
    target: Path, given: Iterable[tuple[Entry, bytes | None]], built: Iterable[Built], by: Signer
) -> None:
    """Write and sign what nobody would write: names and numbers as they are told."""
    data = {hashlib.sha256(d).hexdigest(): d for b in built for d in (b.content, b.metadata)}
    lines, rest, files = b"", b"", b""
    here: list[Member] = []
    for each, body in given:
        packed = zstandard.ZstdCompressor().compress(body or b"")
        digest = hashlib.sha256(packed).hexdigest()
        said = replace(each, packed=len(packed), packed_sha256=digest)
        lines += bundles.line(said)
        rest += _member(bundles.page_name(said), packed)
        for member in bundles.here(said):
            here.append(member)
            content = data.get(member.sha256, b"")[: member.size].ljust(member.size)
            files += _member(bundles.file_name(said, member), content)
    manifest = zstandard.ZstdCompressor().compress(lines)
    header = bundles.encoded(
        Header(
            **asdict(origin()),
            projects=lines.count(b"\n"),
            pages=lines.count(b"\n"),
            files=len(here),
            size=sum(each.size for each in here),
            rest=len(rest + files),
            manifest=hashlib.sha256(manifest).hexdigest(),
            manifest_size=len(manifest),
        )
    )
    head = _member(bundles.HEADER, header)
    head += _member(bundles.SEAL, bundles.encoded(by.seal(header)))
    target.write_bytes(head + _member(bundles.MANIFEST, manifest) + rest + files + bundles.END)


def _member(name: str, data: bytes) -> bytes:
    return bundles.head(name, len(data)) + data + bytes(bundles.padding(len(data)))


def write(bench: Bench, built: Iterable[Built], most: int | None = None) -> int:
    """Write the bytes that are planned, of `most` files at most; return how many were new."""
    plan, output = bench.plan, bench.output()
    data = {hashlib.sha256(d).hexdigest(): d for b in built for d in (b.content, b.metadata)}
    new = 0
    output.begin(plan)
    for each in plan.entries():
        for member in bundles.here(each):
            head = bundles.head(bundles.file_name(each, member), member.size)
            if output.has(member, head):
                continue
            if new == most:
                output.close()
                return new
            body = data[member.sha256]
            output.write(head + body + bytes(bundles.padding(len(body))))
            new += 1
    output.finish()
    return new


def every(*shown: Mapping[str, Sequence[Built]]) -> list[Built]:
    return [built for each in shown for files in each.values() for built in files]


def bundle(
    target: Path,
    shown: Mapping[str, Sequence[Built]] = ONE,
    before: Mapping[str, Sequence[Built]] | None = None,
    *,
    signer: Signer | None = None,
    base: Archive | None = None,
    said: Origin | None = None,
    split: int | None = None,
) -> Archive:
    """A sound bundle."""
    name = base.identity if base else None
    given = contents(shown, before)
    return Archive(make(target, given, every(shown), signer, name, said, split))


def drain(archive: Archive) -> None:
    """Read it to the end. Raise BadBundle."""
    for _ in archive.check():
        pass
