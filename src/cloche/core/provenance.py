"""Attestations, and the provenance objects made of them (PEP 740).

Whether an attestation belongs to a file is always checked; who signed it is another question.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import quote

import msgspec
from msgspec import Meta, Raw, Struct
from msgspec.structs import replace

from cloche.core.addresses import secure
from cloche.core.errors import BadName, BadUpload, UpstreamLies
from cloche.core.filenames import parse, version_of
from cloche.core.model import Digest, File, Page

MEDIA_TYPE = "application/vnd.pypi.integrity.v1+json"
BESIDE = ".provenance"
"""What a file's name and this name together, where things are kept by filename."""

MAX_PROVENANCE = 4 << 20  # bytes: an attestation has some 10 KiB
MAX_ATTESTATIONS = 20

Some = Annotated[list[Any], Meta(min_length=1)]
Bounded = Annotated[list[Raw], Meta(max_length=MAX_ATTESTATIONS)]


class _Material(Struct):
    certificate: str
    transparency_entries: Some


class _Envelope(Struct):
    statement: str  # base64
    signature: str  # base64


class _Attestation(Struct):
    version: Literal[1]
    verification_material: _Material
    envelope: _Envelope


class _Subject(Struct):
    name: str
    digest: dict[str, str]


class _Statement(Struct):
    kind: Literal["https://in-toto.io/Statement/v1"] = msgspec.field(name="_type")
    subject: Annotated[list[_Subject], Meta(min_length=1, max_length=1)]
    predicate_type: str = msgspec.field(name="predicateType")


class _Bundle(Struct):
    publisher: dict[str, Any]
    attestations: Bounded


class _Provenance(Struct):
    version: Literal[1]
    attestation_bundles: Annotated[list[_Bundle], Meta(max_length=MAX_ATTESTATIONS)]


_read_form = msgspec.json.Decoder(Bounded).decode
_read_attestation = msgspec.json.Decoder(_Attestation).decode
_read_statement = msgspec.json.Decoder(_Statement).decode
_read_provenance = msgspec.json.Decoder(_Provenance).decode


def attestations(field: str) -> list[Raw]:
    """Read an upload form's field `attestations`. Raise BadUpload when it is no such list."""
    if len(field) > MAX_PROVENANCE:
        raise BadUpload([f"the attestations are longer than {MAX_PROVENANCE} characters"])
    try:
        return _read_form(field)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as e:
        raise BadUpload(
            [f"the attestations are not a JSON array of at most {MAX_ATTESTATIONS} objects ({e})"]
        ) from None


def problems(said: Sequence[Raw], filename: str, sha256: Digest) -> list[str]:
    """What keeps attestations from being about this file, a sentence for each that is wrong."""
    found: list[str] = []
    predicates: list[str] = []
    for number, raw in enumerate(said, 1):
        try:
            statement = _statement(raw)
        except (msgspec.DecodeError, ValueError, RecursionError) as e:
            found.append(f"attestation {number} cannot be read ({e}); sign the file again")
            continue
        found += _of_another(number, statement.subject[0], filename, sha256)
        predicates.append(statement.predicate_type)
    if len(set(predicates)) < len(predicates):
        found.append("two attestations have the same predicateType; send one of each")
    return found


def provenance(said: Sequence[bytes], publisher: Mapping[str, Any]) -> bytes:
    """Write the provenance object of a file with these attestations, in JSON each."""
    bundle = {"publisher": publisher, "attestations": [Raw(each) for each in said]}
    return msgspec.json.encode({"version": 1, "attestation_bundles": [bundle]})


def attestations_in(body: bytes) -> tuple[bytes, ...]:
    """All attestations of a provenance object. Raise BadUpload when it cannot be read."""
    try:
        bundles = _read_provenance(body).attestation_bundles
    except (msgspec.DecodeError, UnicodeError, RecursionError) as e:
        raise BadUpload([f"the file's provenance cannot be read: {e}"]) from None
    return tuple(bytes(each) for bundle in bundles for each in bundle.attestations)


def addressed(page: Page, place: str) -> Page:
    """The page with provenance at this server: `place` is the URL of the project's there.

    What cannot be asked for there, for want of a version or a digest, is stated no more. PEP 740
    demands a secure origin: where that is none, an upstream's own address stays.
    """
    find = _address if secure(place, place) else _elsewhere
    files = (replace(f, provenance=find(f, place)) if f.provenance else f for f in page.files)
    return replace(page, files=tuple(files))


def unaddressed(page: Page) -> Page:
    """The page without provenance, where it is not served."""
    return replace(page, files=tuple(replace(f, provenance=None) for f in page.files))


def _elsewhere(file: File, _: str) -> str | None:
    return file.provenance if file.url else None


def _address(file: File, place: str) -> str | None:
    # A wheel's name says it without being parsed, of which a page may have thousands (PEP 427).
    is_wheel = file.filename.endswith(".whl") and "-" in file.filename
    version = file.filename.split("-")[1] if is_wheel else version_of(file.filename)
    if not version or not file.sha256:
        return None
    return f"{place}/{quote(version)}/{quote(file.filename)}/provenance"


def check(body: bytes, filename: str, sha256: Digest | None) -> None:
    """Raise UpstreamLies unless this is a provenance object, and all in it is about the file."""
    try:
        bundles = _read_provenance(body).attestation_bundles
    except (msgspec.DecodeError, UnicodeError, RecursionError) as e:
        raise UpstreamLies(f"the upstream's provenance of {filename} cannot be read: {e}") from None
    if sha256 is None:
        raise UpstreamLies(f"the upstream attests {filename}, whose sha256 it does not list")
    wrong = [each for b in bundles for each in problems(b.attestations, filename, sha256)]
    if wrong:
        raise UpstreamLies(f"the upstream's provenance of {filename}: {wrong[0]}")


def bundles(body: bytes) -> list[tuple[dict[str, Any], list[bytes]]]:
    """Each publisher that a provenance object claims, and the attestations said to be theirs.

    The object is one that `check` or an upload has passed.
    """
    found = _read_provenance(body).attestation_bundles
    return [(each.publisher, [bytes(raw) for raw in each.attestations]) for each in found]


def _statement(raw: Raw) -> _Statement:
    envelope = _read_attestation(raw).envelope
    try:
        base64.b64decode(envelope.signature, validate=True)
        return _read_statement(base64.b64decode(envelope.statement, validate=True))
    except binascii.Error:
        raise ValueError("its statement or signature is not base64") from None


def _of_another(number: int, subject: _Subject, filename: str, sha256: Digest) -> list[str]:
    found = []
    if not _same_file(subject.name, filename):
        found.append(f"attestation {number} is about {subject.name[:200]!r}, not {filename}")
    if subject.digest.get("sha256") != sha256:
        found.append(f"attestation {number} is about other bytes than {filename} has")
    return [f"{each}; sign the file again" for each in found]


def _same_file(name: str, filename: str) -> bool:
    """Filenames are spelled in several ways (PEP 740); their parts are what counts."""
    if name == filename:
        return True
    try:
        return parse(name) == parse(filename)
    except BadName:
        return False
