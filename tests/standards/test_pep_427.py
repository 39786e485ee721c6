"""PEP 427, the wheel format, with PEP 491's and PyPA's later words on filenames."""

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import pytest

from tests.packages import Built, wheel
from tests.standards.offers import Offers
from tests.web.answers import detail
from tests.web.forms import upload


def renamed(built: Built, filename: str) -> Built:
    """The same bytes under another filename."""
    return Built(filename, built.content, built.metadata, built.name, built.version)


def stem(name: str) -> str:
    return name.replace("-", "_")


@pytest.mark.parametrize(
    "tag",
    ["py3-none-any", "py2.py3-none-any", "cp311-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64"],
)
@pytest.mark.parametrize("build", ["", "1", "20260101abc"])
def test_filename(offers: Offers, tag: str, build: str) -> None:
    """The filename is `{distribution}-{version}(-{build tag})?-{python tag}-{abi tag}-{platform
    tag}.whl` (*File name convention*); the file is offered under it, byte for byte.
    """
    built = offers.add(wheel(offers.name, "1.0", tag=tag, build=build))

    assert offers.json()["versions"] == ["1.0"]
    assert offers.file()["filename"] == built.filename
    for link in offers.links():
        assert offers.server.get(link).body == built.content


@pytest.mark.parametrize("spelling", ["Dots", "title", "dashes escaped"])
def test_older_spellings_are_accepted(offers: Offers, spelling: str) -> None:
    """Tools "must be prepared to accept . and uppercase letters" in a distribution's name, "as
    these were allowed by an earlier version of this specification" (*Escaping and Unicode*).
    """
    built = wheel(offers.name, "1.0")
    spelt = {
        "Dots": offers.name.replace("-", "."),
        "title": stem(offers.name).title(),
        "dashes escaped": stem(offers.name),
    }[spelling]
    offers.add(renamed(built, f"{spelt}-1.0-py3-none-any.whl"))

    assert offers.file()["filename"] == f"{spelt}-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    "end",
    [
        "-1.0-py3-any.whl",
        "-1.0-x1-py3-none-any.whl",
        "-1.0-1-2-py3-none-any.whl",
        "-py3-none-any.whl",
    ],
)
def test_other_filenames_are_refused(hosted: Offers, end: str) -> None:
    """A build tag "must start with a digit", and the other parts have no dashes: what does not
    follow the convention is no wheel.
    """
    built = renamed(wheel(hosted.name, "1.0"), f"{stem(hosted.name)}{end}")
    reply = upload(hosted.server.url, built, hosted.token)

    assert reply.status == 400
    assert "is not a distribution's filename" in detail(reply)


@pytest.mark.parametrize("lack", ["METADATA", "WHEEL", "RECORD"])
def test_dist_info_is_complete(hosted: Offers, lack: str) -> None:
    """Wheel .dist-info directories "include at a minimum METADATA, WHEEL, and RECORD"."""
    built = wheel(hosted.name, "1.0")
    member = f"{stem(hosted.name)}-1.0.dist-info/{lack}"
    reply = upload(hosted.server.url, edited(built, {member: None}), hosted.token)

    assert reply.status == 400
    assert f"no {member}" in detail(reply)


@pytest.mark.parametrize("wrong", [{"name": "pep-427-another"}, {"version": "2.0"}])
def test_inside_agrees_with_the_filename(hosted: Offers, wrong: dict[str, Any]) -> None:
    """The archive holds `{distribution}-{version}.dist-info/`, which is named as the file is, and
    its METADATA speaks of the same.
    """
    other = wheel(**{"name": hosted.name, "version": "1.0", **wrong})
    right = wheel(hosted.name, "1.0")
    built = Built(right.filename, other.content, other.metadata, hosted.name, "1.0")
    reply = upload(hosted.server.url, built, hosted.token)

    assert reply.status == 400
    assert "dist-info" in detail(reply)


def test_every_file_is_in_record(hosted: Offers) -> None:
    """RECORD "is a list of (almost) all the files in the wheel", and installation "will fail if
    any file in the archive is not" mentioned in it: such a wheel is not taken.
    """
    built = edited(wheel(hosted.name, "1.0"), {"extra.py": b"x = 1\n"})
    reply = upload(hosted.server.url, built, hosted.token)

    assert reply.status == 400
    assert "'extra.py' is in the wheel and not in its RECORD" in detail(reply)


@pytest.mark.parametrize("signature", ["RECORD.jws", "RECORD.p7s"])
def test_pep_815_signatures_are_tolerated(offers: Offers, signature: str) -> None:
    """PEP 815: these files "are deprecated", yet "remain excluded from RECORD", and "may still be
    part of some wheels": they do not keep a wheel from being offered.
    """
    folder = f"{stem(offers.name)}-1.0.dist-info"
    built = edited(wheel(offers.name, "1.0"), {f"{folder}/{signature}": b"{}"})
    offers.add(built)

    for link in offers.links():
        assert offers.server.get(link).body == built.content


def edited(built: Built, members: Mapping[str, bytes | None]) -> Built:
    """The wheel with members added, or taken out if None, and RECORD as it was."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(built.content)) as before,
        zipfile.ZipFile(out, "w") as after,
    ):
        for name in before.namelist():
            if name not in members:
                after.writestr(name, before.read(name))
        for name, content in members.items():
            if content is not None:
                after.writestr(name, content)
    return Built(built.filename, out.getvalue(), built.metadata, built.name, built.version)
