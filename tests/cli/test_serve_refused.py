"""What `cloche serve` refuses: in one line, and with exit code 2."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.program import Program, refused, run

NOWHERE = "http://127.0.0.1:9/simple/"


def file_as_data(folder: Path) -> tuple[str, ...]:
    (folder / "file").write_text("not a folder")
    return ("--data", str(folder / "file"))


def corrupt_database(folder: Path) -> tuple[str, ...]:
    (folder / "data").mkdir()
    (folder / "data" / "cloche.db").write_text("no database at all " * 100)
    return ("--data", str(folder / "data"))


def blobs_that_are_a_file(folder: Path) -> tuple[str, ...]:
    (folder / "data").mkdir()
    (folder / "data" / "blobs").write_text("not a folder")
    return ("--data", str(folder / "data"))


def spool_that_is_a_file(folder: Path) -> tuple[str, ...]:
    (folder / "data").mkdir()
    (folder / "data" / "spool").write_text("not a folder")
    return ("--data", str(folder / "data"))


def settings(text: str) -> Callable[[Path], tuple[str, ...]]:
    def write(folder: Path) -> tuple[str, ...]:
        (folder / "cloche.toml").write_text(text)
        return ("--config", str(folder / "cloche.toml"))

    return write


def flags(*said: str) -> Callable[[Path], tuple[str, ...]]:
    return lambda _: said


@pytest.mark.parametrize(
    ("arrange", "words"),
    [
        (flags("--host", "nohost.invalid"), "cannot listen on nohost.invalid"),
        (flags("--host", "203.0.113.1"), "choose another with --host or --port"),
        (flags("--host", "bad..host"), "cannot listen on bad..host"),
        (flags("--port", "x"), "Invalid value for '--port'"),
        (flags("--port", "65536"), "Invalid value for '--port'"),
        (flags("--workers", "0"), "Invalid value for '--workers'"),
        (flags("--prot", "1"), "--port"),
        (flags("--port"), "requires an argument"),
        (flags("extra"), "extra"),
        (flags("--upstream", "nonsense"), "'nonsense' is not an address"),
        (flags("--upstream", "ftp://127.0.0.1/"), "is not an address"),
        (flags("--config", "missing.toml"), "missing.toml cannot be read"),
        (settings("["), "is not TOML"),
        (settings("[server]\nprot = 1"), "unknown key server.prot; did you mean port?"),
        (settings("[store]\nblobs = 'ftp://x'"), "store.blobs is 'ftp://x'"),
        (settings("[store]\ndatabase = 'mysql://x'"), "database's address is malformed"),
        (settings("[store]\ndatabase = 'sqlite:////no/such/folder/x.db'"), "does not exist"),
        (settings("[store]\ndatabase = 'postgresql://127.0.0.1:9/x'"), "127.0.0.1:9"),
        (file_as_data, "--data"),
        (corrupt_database, "is damaged or is no SQLite database"),
        (blobs_that_are_a_file, "store.blobs"),
        (spool_that_is_a_file, "--data"),
        (flags("--data", "/dev/null/data"), "--data"),
    ],
)
def test_what_cannot_be_served(
    tmp_path: Path, arrange: Callable[[Path], tuple[str, ...]], words: str
) -> None:
    """What is wrong with flags, settings or disk is one line that says what to do, and code 2."""
    said = arrange(tmp_path)
    port = () if "--port" in said else ("--port", "0")

    assert words in refused(run(tmp_path, "serve", *port, *said))


def test_port_that_is_taken(tmp_path: Path) -> None:
    """A port that somebody listens on is told, with what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        said = refused(run(tmp_path, "serve", "--port", port))

    assert f"cannot listen on 127.0.0.1:{port} (Address already in use)" in said
    assert list(tmp_path.iterdir()) == []


def test_workers_that_cannot_start(tmp_path: Path) -> None:
    """With several workers too, what is wrong is said once and ends everything."""
    (tmp_path / "file").write_text("not a folder")
    done = run(tmp_path, "serve", "--port", "0", "--workers", "2", "--data", tmp_path / "file")

    assert "--data" in refused(done)


def test_upstream_that_nothing_falls_through_to(tmp_path: Path) -> None:
    """`--upstream` that would change nothing is an error, not a silence."""
    (tmp_path / "cloche.toml").write_text("[index.main]\nuploads = true")
    said = refused(
        run(tmp_path, "serve", "--port", "0", "--config", "cloche.toml", "--upstream", NOWHERE)
    )

    assert "no index draws on the upstream pypi" in said


def test_accident_is_one_line(tmp_path: Path) -> None:
    """Even what nobody foresaw is one line, and its inside is shown to who asks for it."""
    (tmp_path / "sitecustomize.py").write_text(
        "import cloche.config\n"
        "def load(*_, **__): raise ZeroDivisionError('nobody\\nforesaw it')\n"
        "cloche.config.load = load\n"
    )
    path = {"PYTHONPATH": str(tmp_path)}

    assert "ZeroDivisionError: nobody foresaw it" in refused(run(tmp_path, "serve", env=path))
    with Program(tmp_path, "serve", env={**path, "CLOCHE_TRACEBACK": "1"}) as program:
        assert program.end() == 2
        assert "in load" in program.err
        program._err.write_text("")  # noqa: SLF001 - the traceback that was asked for
