"""PEP 658, Serve Distribution Metadata in the Simple Repository API; PEP 714, its new name."""

import hashlib
import io
import zipfile
from typing import Any

import pytest

from tests.packages import sdist, wheel
from tests.standards.offers import Offers
from tests.upstream.kinds import HtmlOnly, Overwrite


def test_metadata_lies_beside_the_file(offers: Offers) -> None:
    """The repository "MUST serve the distribution's Core Metadata file alongside the distribution
    with a .metadata appended to the distribution's file name".
    """
    built = offers.add(wheel(offers.name, "1.0", requires=["acme>=1"], summary="Zürich"))
    for link in offers.links():
        reply = offers.server.get(f"{link}.metadata")
        with zipfile.ZipFile(io.BytesIO(offers.server.get(link).body)) as archive:
            stem = "-".join(built.filename.split("-")[:2])
            inside = archive.read(f"{stem}.dist-info/METADATA")

        assert (reply.status, reply.body) == (200, inside)


def test_the_hash_is_stated(offers: Offers) -> None:
    """The repository "SHOULD provide the hash of the Core Metadata file" as
    `<hashname>=<hashvalue>`; in JSON it is a dictionary of hashes (PEP 691).
    """
    built = offers.add(wheel(offers.name, "1.0"))

    assert offers.file()["core-metadata"] == {"sha256": built.metadata_sha256}
    value = offers.anchor().attributes["data-core-metadata"]
    assert value == f"sha256={built.metadata_sha256}"


def test_true_where_no_hash_is_known(proxied: Offers) -> None:
    """The repository "MAY use true as the attribute's value if a hash is unavailable".

    It is one as soon as this server has read the metadata, as it does ahead of need.
    """
    built = wheel(proxied.name, "1.0")
    proxied.upstream.add(built, core_metadata=True)

    known = hashlib.sha256(built.metadata).hexdigest()
    assert proxied.file()["core-metadata"] in (True, {"sha256": known})
    assert proxied.anchor().attributes["data-core-metadata"] in ("true", f"sha256={known}")
    for link in proxied.links():
        assert proxied.server.get(f"{link}.metadata").body == built.metadata


def test_no_promise_for_what_may_change(offers: Offers) -> None:
    """The attribute indicates metadata "that will not be modified when the distribution is
    processed and/or installed": there is none for an sdist that leaves its needs open.
    """
    built = sdist(offers.name, "1.0", fields=[("Dynamic", "Requires-Dist")])
    if offers.hosted:
        offers.add(built)
    else:
        offers.upstream.add(built, metadata=False)

    assert "core-metadata" not in offers.file()
    assert not {"data-core-metadata", "data-dist-info-metadata"} & set(offers.anchor().attributes)


def test_html_says_it_by_both_names(offers: Offers) -> None:
    """In HTML it "MUST be emitted using the attribute name data-core-metadata"; the older name
    "MUST match the value of data-core-metadata" (PEP 714, *Servers*).
    """
    offers.add(wheel(offers.name, "1.0"))
    said = offers.anchor().attributes

    assert said["data-core-metadata"] == said["data-dist-info-metadata"]


def test_json_says_it_by_the_new_name(offers: Offers) -> None:
    """In JSON it "MUST be emitted using the key core-metadata"; older pip breaks at
    dist-info-metadata, which "servers should not emit" (PEP 714, *Servers*).
    """
    offers.add(wheel(offers.name, "1.0"))
    said = offers.file()

    assert "core-metadata" in said
    assert not {"dist-info-metadata", "data-dist-info-metadata"} & set(said)


@pytest.mark.parametrize("old", ["dist-info-metadata", "data-dist-info-metadata"])
def test_the_old_name_is_read(proxied: Offers, old: str) -> None:
    """Clients "MAY optionally use the legacy dist-info-metadata key if it is present but
    core-metadata is not" (PEP 714, *Clients*); PyPI writes it with `data-` in front.
    """
    built = wheel(proxied.name, "1.0")
    proxied.upstream.add(built, without=("core-metadata",))
    claim = {"sha256": built.metadata_sha256}
    proxied.upstream.misbehave(proxied.place, Overwrite(fields={old: claim}))

    assert proxied.file()["core-metadata"] == claim


@pytest.mark.parametrize(
    ("new", "old"), [(True, False), ({"sha256": "ab" * 32}, {"sha256": "cd" * 32})]
)
def test_the_new_name_is_read_first(proxied: Offers, new: Any, old: Any) -> None:
    """Clients "MUST read the PEP 658 metadata from the key core-metadata if it is present"."""
    proxied.upstream.add(wheel(proxied.name, "1.0"), core_metadata=new)
    proxied.upstream.misbehave(proxied.place, Overwrite(fields={"dist-info-metadata": old}))

    assert proxied.file()["core-metadata"] == new


def test_an_html_upstream_says_it_too(proxied: Offers) -> None:
    """HTML clients "MUST read the PEP 658 metadata from the key data-core-metadata"."""
    built = proxied.add(wheel(proxied.name, "1.0"))
    proxied.upstream.misbehave(proxied.place, HtmlOnly())

    assert proxied.file()["core-metadata"] == {"sha256": built.metadata_sha256}


def test_metadata_that_is_not_the_promised_is_withheld(proxied: Offers) -> None:
    """The hash is that "of the Core Metadata file": other bytes are never served under it."""
    proxied.upstream.add(wheel(proxied.name, "1.0"), core_metadata={"sha256": "ab" * 32})
    [link, _] = proxied.links()

    assert proxied.server.get(f"{link}.metadata").status == 502
