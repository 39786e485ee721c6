"""Advisories, as OSV's schema writes them."""

import io
import zipfile
from typing import Any

import msgspec

CRITICAL = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
"""Its score is 9.8."""


def affected(name: str = "demo", *events: dict[str, str], **other: Any) -> dict[str, Any]:
    """What an advisory says of one package; the events are of a range of releases."""
    ranges = [{"type": "ECOSYSTEM", "events": list(events)}] if events else []
    return {"package": {"ecosystem": "PyPI", "name": name}, "ranges": ranges, **other}


def document(id_: str = "PYSEC-2026-1", *about: dict[str, Any], **other: Any) -> bytes:
    """An advisory; about every release of `demo`, unless said otherwise."""
    told = about or (affected("demo", {"introduced": "0"}),)
    said = {"id": id_, "modified": "2026-01-02T03:04:05Z", "affected": told, **other}
    return msgspec.json.encode(said)


def malware(name: str = "demo", id_: str = "MAL-2026-1") -> bytes:
    return document(id_, affected(name, {"introduced": "0"}), summary=f"Malicious code in {name}")


def archive(*documents: bytes) -> bytes:
    """A zip archive of them, as OSV publishes."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        for number, each in enumerate(documents):
            packed.writestr(f"{number}.json", each)
    return made.getvalue()
