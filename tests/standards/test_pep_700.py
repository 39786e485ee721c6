"""PEP 700, Additional Fields for the Simple API: version 1.1 of the JSON."""

import re
from datetime import UTC, datetime

import pytest
from packaging.utils import parse_sdist_filename, parse_wheel_filename

from tests.packages import sdist, wheel
from tests.standards.offers import Offers
from tests.upstream.kinds import HtmlOnly, Overwrite, Verbatim

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")


def test_api_version(offers: Offers) -> None:
    """The api-version "must specify version 1.1 or later"."""
    offers.add(wheel(offers.name, "1.0"))
    major, _, minor = offers.json()["meta"]["api-version"].partition(".")

    assert (major, int(minor) >= 1) == ("1", True)


@pytest.mark.parametrize("format_", ["json", "html"])
def test_every_file_is_of_a_version(offers: Offers, format_: str) -> None:
    """`versions` "MUST be present at the top level"; all files "MUST be associated with one of"
    them, and it "may not contain duplicates". An HTML upstream does not spare the cache this.
    """
    for version in ("1.0", "2.0rc1", "2.0+cpu"):
        offers.add(wheel(offers.name, version))
    offers.add(sdist(offers.name, "1.0"))
    if format_ == "html" and not offers.hosted:
        offers.upstream.misbehave(offers.place, HtmlOnly())
    said = offers.json()

    assert sorted(said["versions"]) == ["1.0", "2.0+cpu", "2.0rc1"]
    for file in said["files"]:
        is_wheel = file["filename"].endswith(".whl")
        parse = parse_wheel_filename if is_wheel else parse_sdist_filename
        assert str(parse(file["filename"])[1]) in said["versions"]


def test_versions_have_no_duplicates(proxied: Offers) -> None:
    """The value is "logically a set": an upstream that repeats itself is said once."""
    proxied.add(wheel(proxied.name, "1.0"))
    proxied.upstream.misbehave(proxied.place, Overwrite(top={"versions": ["1.0", "0.9", "1.0"]}))

    assert sorted(proxied.json()["versions"]) == ["0.9", "1.0"]


def test_versions_without_files_are_kept(proxied: Offers) -> None:
    """`versions` "MAY contain versions with no associated files", also such as are not PEP 440's,
    "because servers may hold legacy data".
    """
    proxied.add(wheel(proxied.name, "1.0"))
    stated = ["1.0", "0.1", "2004-alpha"]
    proxied.upstream.misbehave(proxied.place, Overwrite(top={"versions": stated}))

    assert sorted(proxied.json()["versions"]) == sorted(stated)


def test_versions_are_normalised(hosted: Offers) -> None:
    """Servers "SHOULD use normalised PEP 440 versions where possible"."""
    hosted.add(wheel(hosted.name, "1.0.RC1"))

    assert hosted.json()["versions"] == ["1.0rc1"]


def test_size(offers: Offers) -> None:
    """`size` is mandatory and "MUST contain an integer which is the file size in bytes"."""
    built = offers.add(wheel(offers.name, "1.0", size=12_345))

    size = offers.file()["size"]
    assert (type(size), size) == (int, len(built.content))


def test_upload_time_format(offers: Offers) -> None:
    """`upload-time` is "in the format yyyy-mm-ddThh:mm:ss.ffffffZ", in UTC; the fraction is
    optional and "may contain up to 6 digits of precision".
    """
    before = datetime.now(UTC)
    offers.add(wheel(offers.name, "1.0"))
    said = offers.file()["upload-time"]

    assert TIME.fullmatch(said)
    if offers.hosted:
        assert before <= datetime.fromisoformat(said) <= datetime.now(UTC)


@pytest.mark.parametrize(
    "said", ["2024-01-02T03:04:05Z", "2024-01-02T03:04:05.1Z", "2024-01-02T03:04:05.678901Z"]
)
def test_upload_time_is_the_instant_that_the_upstream_states(proxied: Offers, said: str) -> None:
    """It "represents the time the file was uploaded to the index", to the microsecond."""
    proxied.upstream.add(wheel(proxied.name, "1.0"), upload_time=said)
    written = proxied.file()["upload-time"]

    assert TIME.fullmatch(written)
    assert datetime.fromisoformat(written) == datetime.fromisoformat(said)


@pytest.mark.parametrize(
    "said",
    ["2024-01-02T03:04:05+00:00", "2024-01-02T05:04:05+02:00", "2024-01-02T03:04:05.0000001Z"],
)
def test_upload_time_of_a_careless_upstream(proxied: Offers, said: str) -> None:
    """The upload time "MUST use the UTC timezone", with a Z: another spelling is written so."""
    proxied.upstream.add(wheel(proxied.name, "1.0"), upload_time=said)
    written = proxied.file()["upload-time"]

    assert TIME.fullmatch(written)
    assert datetime.fromisoformat(written) == datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "instant"),
    [
        ("2026-02-06T16:27:17Z", "2026-02-06T16:27:17Z"),
        ("2015-06-14T14:38:05.875222Z", "2015-06-14T14:38:05.875222Z"),
        ("2015-06-14T16:38:05+02:00", "2015-06-14T14:38:05Z"),
    ],
)
def test_upload_time_of_an_html_upstream(proxied: Offers, said: str, instant: str) -> None:
    """It "represents the time the file was uploaded to the index": where an upstream that speaks
    HTML states it, as data-upload-time, no other time is told in its place.
    """
    built = proxied.add(wheel(proxied.name, "1.0"))
    link = f'<a href="/files/{proxied.name}/{built.filename}" data-upload-time="{said}">x</a>'
    page = f"<!DOCTYPE html><title>x</title>{link}".encode()
    proxied.upstream.misbehave(proxied.place, Verbatim(content=page, media_type="text/html"))

    assert proxied.file()["upload-time"] == instant
    assert "_upload-time-source" not in proxied.file()


def test_private_keys_are_underscored(offers: Offers) -> None:
    """Keys "with a leading underscore are reserved as private for index server use": whatever
    this server adds to the standard's keys has one.
    """
    offers.add(wheel(offers.name, "1.0"))
    said = offers.json()
    standard = {"meta", "name", "files", "versions", "project-status"}
    of_files = {"filename", "url", "hashes", "size", "upload-time", "requires-python", "yanked"}
    of_files |= {"core-metadata", "gpg-sig", "provenance"}

    assert all(key.startswith("_") for key in set(said) - standard)
    assert all(key.startswith("_") for key in set(said["meta"]) - {"api-version"})
    assert all(key.startswith("_") for key in set(said["files"][0]) - of_files)


def test_html_is_as_before(offers: Offers) -> None:
    """For the HTML version of the API "there is no change": no size, no time."""
    offers.add(wheel(offers.name, "1.0"))

    assert not {"data-size", "data-upload-time"} & set(offers.anchor().attributes)
