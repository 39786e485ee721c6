"""Attestations whose statements are true and whose signatures nobody has made."""

import base64
import json
from typing import Any

from tests.packages import Built

PUBLISH = "https://example.org/attestations/publish/v1"


def statement(built: Built, predicate: str = PUBLISH, **changes: Any) -> dict[str, Any]:
    """What an attestation says of a file (in-toto, Statement v1)."""
    said = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": built.filename, "digest": {"sha256": built.sha256}}],
        "predicateType": predicate,
        "predicate": None,
    }
    return said | changes


def attestation(said: object) -> dict[str, Any]:
    """Wrap a statement as PEP 740 does."""
    material = {"certificate": "TUlJ", "transparency_entries": [{"logIndex": "1"}]}
    envelope = {"statement": _base64(json.dumps(said)), "signature": _base64("signed")}
    return {"version": 1, "verification_material": material, "envelope": envelope}


def provenance(*attestations: object) -> bytes:
    """A provenance object as an upstream serves it."""
    bundle = {"publisher": {"kind": "GitHub", "claims": None}, "attestations": attestations}
    return json.dumps({"version": 1, "attestation_bundles": [bundle]}).encode()


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
