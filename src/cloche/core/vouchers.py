"""What an upload's form brings beside the file itself: its signature, its attestations."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from cloche.core import provenance, signatures
from cloche.core.errors import BadUpload
from cloche.core.model import Digest

UNVERIFIED: Mapping[str, Any] = {"kind": "token", "claims": {}}
"""The publisher of a provenance object when nobody has verified who signed."""


class Vouchers(Struct, frozen=True):
    """All of it is about the file; who vouches has not been looked at."""

    signature: bytes | None = None
    attestations: tuple[bytes, ...] = ()


def of_form(form: Mapping[str, list[str]], filename: str, sha256: Digest) -> Vouchers:
    """Raise BadUpload, with all that is wrong, when it is not about this file."""
    problems = _doubled(form)
    armored = (form.get("gpg_signature") or [""])[0]
    problems += signatures.problems(armored) if armored else []
    try:
        said = provenance.attestations((form.get("attestations") or [""])[0] or "[]")
        problems += provenance.problems(said, filename, sha256)
    except BadUpload as e:
        raise BadUpload([*problems, *e.problems]) from None
    if problems:
        raise BadUpload(problems)
    return Vouchers(
        armored.encode() if armored else None,
        tuple(bytes(each) for each in said),
    )


def _doubled(form: Mapping[str, list[str]]) -> list[str]:
    return [
        f"the form has the field {name} {len(form[name])} times; once is right"
        for name in ("gpg_signature", "attestations")
        if len(form.get(name, ())) > 1
    ]
