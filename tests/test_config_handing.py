"""Settings for files that somebody else hands out: what goes together, and what does not."""

from pathlib import Path

import pytest

from cloche.app.handing import open_handing
from cloche.core.errors import BadSetting
from cloche.web.handing import Accel, Redirects
from tests.cli.program import refused, run
from tests.config_files import refusal, settings

PROXIED = "[server]\ntrusted_proxies = ['127.0.0.1', '10.0.0.0/8']\n"
TLS = "[server.tls]\ncertificate = 'c'\nkey = 'k'\n"
OUTSIDE = "[server]\npublic_url = 'https://x.example'\n"
BUCKET = "[store]\nblobs = 's3://bucket/prefix'\nredirect_files = true\n"


def test_nobody_else_unless_said(tmp_path: Path) -> None:
    """By default the server sends every file itself."""
    assert open_handing(settings(tmp_path)) is None


def test_redirects(tmp_path: Path) -> None:
    """With a bucket, clients can be sent there; the public address is no option of the store's."""
    made = settings(tmp_path, f"{BUCKET}[store.s3]\npublic_endpoint = 'https://s3.example'")

    assert isinstance(open_handing(made), Redirects)
    assert made.blobs_options == {}


@pytest.mark.parametrize("location", ["/-/blobs/", "/blobs/", "/a/b.c/~d/"])
def test_accel(tmp_path: Path, location: str) -> None:
    """With a folder, a proxy that is trusted can send them."""
    found = open_handing(settings(tmp_path, f"{PROXIED}[store]\nx_accel = '{location}'"))

    assert isinstance(found, Accel)
    assert (found.prefix, len(found.proxies)) == (location, 2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[store]\nx_accel = '/-/blobs/'", "no proxy is trusted to heed it; name nginx's address"),
        *(
            (f"{PROXIED}[store]\nx_accel = '{wrong}'", "with a slash at both ends, such as /-/b")
            for wrong in ("", "/", "b", "/b", "b/", "/a/../b/", "/a b/", "//", "/ä/", "/%41/")
        ),
        (
            f"{PROXIED}[store]\nx_accel = '/b/'\nredirect_files = true",
            "store.redirect_files for those in a bucket; remove one of them",
        ),
        (
            "[store]\nblobs = 's3://b'\n[store.s3]\npublic_endpoint = 'https://s3.example'",
            "no client is sent there; set store.redirect_files, or remove it",
        ),
        (
            f"{OUTSIDE}{BUCKET}[store.s3]\nendpoint = 'http://s3:9000'",
            "send them to http://s3:9000; give an https address in store.s3.public_endpoint",
        ),
        (
            f"{TLS}{BUCKET}[store.s3]\npublic_endpoint = 'HTTP://s3.example'",
            "send them to HTTP://s3.example",
        ),
        ("[store]\nredirect_files = 1", "store.redirect_files: expected `bool`"),
    ],
)  # fmt: skip
def test_what_contradicts_itself(tmp_path: Path, text: str, said: str) -> None:
    """What cannot work, has no effect, or sends secrets in the clear is refused with its cure."""
    assert said in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[store]\nredirect_files = true", "blobs is in file://…, .*; name a bucket"),
        (
            f"{PROXIED}[store]\nblobs = 's3://bucket'\nx_accel = '/-/blobs/'",
            "blobs is in s3://…, .*; name a folder",
        ),
    ],
)
def test_a_store_that_cannot(tmp_path: Path, text: str, said: str) -> None:
    """Files in a folder have no address to sign, and nginx reads no bucket: cause and cure."""
    with pytest.raises(BadSetting, match=said):
        open_handing(settings(tmp_path, text))


def test_every_command_that_looks_says_so(tmp_path: Path) -> None:
    """`config check` and `serve` refuse what cannot work; `doctor` finds it unwell."""
    file = tmp_path / "cloche.toml"
    file.write_text("[store]\nredirect_files = true\n[server]\nport = 0\noffline = true\n")

    for command in (("config", "check"), ("serve", "--workers", "2")):
        assert "name a bucket" in refused(run(tmp_path, *command, "--config", file))
    told = run(tmp_path, "doctor", "--config", file)
    assert told.returncode == 1
    assert "BAD  redirected files" in told.stdout
