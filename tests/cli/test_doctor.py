"""`cloche doctor`: every part that serving needs, tried."""

import socket
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.program import run
from tests.ports import free_port
from tests.services.s3 import Bucket
from tests.upstream.controller import Upstream


def written(tmp_path: Path, upstream: str, more: str = "") -> Path:
    """Settings with a port that is free, and this upstream."""
    file = tmp_path / "cloche.toml"
    file.write_text(f'[server]\nport = {free_port()}\n[upstream.pypi]\nurl = "{upstream}"\n{more}')
    return file


def findings(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    return {found["part"]: found for found in msgspec.json.decode(done.stdout)}


def test_all_well(tmp_path: Path, upstream: Upstream) -> None:
    """When every part works, each says so, and the exit code is 0."""
    file = written(tmp_path, upstream.simple)
    done = run(tmp_path, "doctor", "--config", file)

    assert done.returncode == 0, done.stdout
    parts = [line.split("  ")[1].strip() for line in done.stdout.splitlines()]
    assert all(line.startswith("ok ") for line in done.stdout.splitlines())
    assert {"data folder", "database", "blob store", "port", "upstream pypi"} <= {
        part.split("   ")[0] for part in parts
    }


def test_as_json(tmp_path: Path, upstream: Upstream) -> None:
    """Programs get the findings as JSON."""
    file = written(tmp_path, upstream.simple)
    found = findings(run(tmp_path, "doctor", "--json", "--config", file))

    assert {part: each["well"] for part, each in found.items()} == dict.fromkeys(
        ["data folder", "database", "blob store", "port", "upstream pypi"], True
    )


def test_what_is_unwell(tmp_path: Path, upstream: Upstream) -> None:
    """What does not work is told by cause and cure, all of it at once, with exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken, upstream.down():
        file = tmp_path / "cloche.toml"
        file.write_text(
            f"""
            [server]
            port = {taken.getsockname()[1]}
            [store]
            database = "postgresql://127.0.0.1:9/x"
            blobs = "file:///dev/null/blobs"
            [upstream.pypi]
            url = "{upstream.simple}"
            """
        )
        done = run(tmp_path, "doctor", "--json", "--config", file, "--data", "/dev/null/data")

    found = findings(done)
    assert done.returncode == 1
    assert [part for part, each in found.items() if each["well"]] == []
    assert "--data" in found["data folder"]["says"]
    assert "store.blobs" in found["blob store"]["says"]
    assert "choose another with --port" in found["port"]["says"]


def test_data_that_is_a_file(tmp_path: Path, upstream: Upstream) -> None:
    """A data folder that is a file is told, and does not hide the rest."""
    (tmp_path / "data").write_text("not a folder")
    file = written(tmp_path, upstream.simple)
    found = findings(run(tmp_path, "doctor", "--json", "--config", file, "--data", "data"))

    assert not found["data folder"]["well"]
    assert not found["blob store"]["well"]
    assert found["upstream pypi"]["well"]


def test_offline_asks_nobody(tmp_path: Path, upstream: Upstream) -> None:
    """A server that is to be offline asks no upstream, here neither."""
    file = written(tmp_path, upstream.simple)
    done = run(tmp_path, "doctor", "--config", file, env={"CLOCHE_SERVER__OFFLINE": "true"})

    assert done.returncode == 0
    assert "not asked" in done.stdout
    assert upstream.requests() == []


def redirecting(s3: Bucket, public: str) -> str:
    """Blobs in the bucket, which clients see at `public`."""
    return f"""
[store]
blobs = "{s3.url}"
redirect_files = true
[store.s3]
endpoint = "{s3.endpoint}"
region = "{s3.region}"
access_key_id = "{s3.access_key}"
secret_access_key = "{s3.secret_key}"
public_endpoint = "{public}"
"""


def test_files_from_the_bucket(tmp_path: Path, upstream: Upstream, s3: Bucket) -> None:
    """Where clients are sent to the bucket, a blob is fetched from there, and nothing stays."""
    file = written(tmp_path, upstream.simple, redirecting(s3, s3.endpoint))
    done = run(tmp_path, "doctor", "--json", "--config", file)

    assert done.returncode == 0, done.stdout
    said = findings(done)["redirected files"]["says"]
    assert said == f"{s3.endpoint} gives what clients are sent there for"
    assert [each for page in s3.store().list() for each in page] == []


def test_clients_would_not_get_files(tmp_path: Path, upstream: Upstream, s3: Bucket) -> None:
    """A place that is another server, or that nobody reaches, is unwell, with its cure."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    for public, cause in (
        (upstream.url, "answers a signed address with 404"),
        (nowhere, "cannot be reached from here"),
    ):
        file = written(tmp_path, upstream.simple, redirecting(s3, public))
        found = findings(run(tmp_path, "doctor", "--json", "--config", file))["redirected files"]
        assert not found["well"]
        assert found["says"].startswith(public)
        assert cause in found["says"]
        assert "store.s3.public_endpoint" in found["says"]


def test_files_by_nginx(tmp_path: Path, upstream: Upstream) -> None:
    """Where nginx sends files, it is told what nginx must have."""
    accelerated = f'[store]\nblobs = "{tmp_path.as_uri()}/x%20y/"\nx_accel = "/-/blobs/"\n'
    file = written(tmp_path, upstream.simple, accelerated)
    done = run(
        tmp_path, "doctor", "--config", file, env={"CLOCHE_SERVER__TRUSTED_PROXIES": '["::1"]'}
    )

    assert done.returncode == 0, done.stdout
    assert f'location /-/blobs/ {{ internal; alias "{tmp_path}/x y/"; }}' in done.stdout


@pytest.mark.parametrize("arguments", [["--nosuch"], ["extra"], ["--config", "missing.toml"]])
def test_wrong_words(tmp_path: Path, arguments: list[str]) -> None:
    """A wrong word is one line, and exit code 2 tells it from an illness."""
    done = run(tmp_path, "doctor", *arguments)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
