import json
from typing import Any

import msgspec
import pytest

from cloche.core import provenance
from cloche.core.errors import BadUpload, UpstreamLies
from cloche.core.model import Digest, File, Page, project_name
from tests.attestations import attestation, statement
from tests.attestations import provenance as written
from tests.packages import wheel

BUILT = wheel("Demo-Kit", "1.0")
SHA = Digest(BUILT.sha256)


def problems(*said: object) -> list[str]:
    read = provenance.attestations(json.dumps(said))
    return provenance.problems(read, BUILT.filename, SHA)


def test_true_attestations() -> None:
    """Attestations of several kinds about one file are all about it."""
    other = attestation(statement(BUILT, "https://slsa.dev/provenance/v1"))

    assert problems(attestation(statement(BUILT)), other) == []
    assert problems() == []


def test_name_may_be_spelled_otherwise() -> None:
    """A statement may spell the filename in another way (PEP 740)."""
    subject = [{"name": "Demo.Kit-1.0.0-py3-none-any.whl", "digest": {"sha256": SHA}}]

    assert problems(attestation(statement(BUILT, subject=subject))) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"subject": [{"name": "x-1.0.zip", "digest": {"sha256": SHA}}]}, "not demo_kit"),
        ({"subject": [{"name": "rubbish", "digest": {"sha256": SHA}}]}, "'rubbish'"),
        ({"subject": [{"name": BUILT.filename, "digest": {"sha256": "0" * 64}}]}, "other bytes"),
        ({"subject": [{"name": BUILT.filename, "digest": {"md5": "0" * 32}}]}, "other bytes"),
        ({"subject": []}, "cannot be read"),
        ({"subject": 2 * statement(BUILT)["subject"]}, "cannot be read"),
        ({"_type": "https://in-toto.io/Statement/v0.1"}, "cannot be read"),
        ({"predicateType": None}, "cannot be read"),
    ],
)
def test_statement_about_something_else(changes: dict[str, Any], words: str) -> None:
    """A statement that is not about exactly this file is a problem that says why."""
    [problem] = problems(attestation(statement(BUILT, **changes)))

    assert words in problem


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"envelope": {"statement": "not base64!", "signature": "AA=="}},
        {"envelope": {"statement": "AA==", "signature": "AA=="}},
        {"envelope": {"statement": "AA=="}},
        {"verification_material": {"certificate": "x", "transparency_entries": []}},
        {"verification_material": None},
    ],
)
def test_attestation_that_is_none(changes: dict[str, Any]) -> None:
    """What has not the form of an attestation is a problem (PEP 740)."""
    [problem] = problems({**attestation(statement(BUILT)), **changes})

    assert "cannot be read" in problem


def test_two_of_one_kind() -> None:
    """Of two attestations of one kind nobody could say which holds."""
    same = attestation(statement(BUILT))

    assert "same predicateType" in " ".join(problems(same, same))


@pytest.mark.parametrize("field", ["", "{}", "null", "[", "1", json.dumps([{}] * 21), "[" * 9999])
def test_field_that_is_no_list(field: str) -> None:
    """A form's attestations must be a JSON array, and a short one."""
    with pytest.raises(BadUpload, match="JSON array"):
        provenance.attestations(field)


def test_field_without_end() -> None:
    """A form's attestations are bounded."""
    with pytest.raises(BadUpload, match="longer than"):
        provenance.attestations(" " * (provenance.MAX_PROVENANCE + 1))


def test_written_as_they_came() -> None:
    """A provenance object holds the attestations with all that they say."""
    said = {**attestation(statement(BUILT)), "more": [1, {"x": None}]}

    body = provenance.provenance(provenance.attestations(json.dumps([said])), {"kind": "k"})

    assert msgspec.json.decode(body) == {
        "version": 1,
        "attestation_bundles": [{"publisher": {"kind": "k"}, "attestations": [said]}],
    }
    provenance.check(body, BUILT.filename, SHA)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"{}",
        b'{"version": 2, "attestation_bundles": []}',
        b'{"version": 1, "attestation_bundles": [{"attestations": []}]}',
        b"[" * 100_000,
        written(attestation(statement(wheel("other", "1.0")))),
        written({}),
    ],
)
def test_upstream_that_lies(body: bytes) -> None:
    """An upstream's provenance that is none, or about another file, is refused."""
    with pytest.raises(UpstreamLies):
        provenance.check(body, BUILT.filename, SHA)


def test_file_without_digest_has_no_provenance() -> None:
    """Without a digest nothing says that provenance is about the file."""
    with pytest.raises(UpstreamLies):
        provenance.check(written(attestation(statement(BUILT))), BUILT.filename, None)


HERE = "https://index.test/main/integrity/a-b"


def test_addresses_are_this_servers() -> None:
    """A page states provenance here, by version and filename, and only where that can be asked."""
    hashes = {"sha256": BUILT.sha256}
    files = [
        File(filename="a_b-1.0+x.1-py3-none-any.whl", hashes=hashes, provenance="https://x.test/1"),
        File(filename="a_b-2.0.tar.gz", hashes=hashes, provenance="https://x.test/2"),
        File(filename="a_b-2.0.zip", hashes=hashes),
        File(filename="a_b-3.0.tar.gz", provenance="https://x.test/3"),
        File(filename="odd", hashes=hashes, provenance="https://x.test/4"),
    ]

    page = provenance.addressed(Page(name=project_name("a-b"), files=tuple(files)), HERE)

    assert [file.provenance for file in page.files] == [
        f"{HERE}/1.0%2Bx.1/a_b-1.0%2Bx.1-py3-none-any.whl/provenance",
        f"{HERE}/2.0/a_b-2.0.tar.gz/provenance",
        None,
        None,
        None,
    ]


@pytest.mark.parametrize("place", ["http://index.test/i", "http://10.0.0.1/i", "http://[::2]/i"])
def test_addresses_are_of_secure_origins(place: str) -> None:
    """Asked for in the clear, this server states an upstream's address, and none for uploads."""
    hashes = {"sha256": BUILT.sha256}
    name, theirs = "a_b-1.0-py3-none-any.whl", "https://x.test/1"
    files = (
        File(filename=name, hashes=hashes, url=f"https://x.test/{name}", provenance=theirs),
        File(filename="a_b-2.0.tar.gz", hashes=hashes, provenance=BUILT.sha256),
    )

    page = provenance.addressed(Page(name=project_name("a-b"), files=files), place)

    assert [file.provenance for file in page.files] == [theirs, None]
