"""`cloche prefetch`: what it takes, brings, says, and how it ends."""

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.asking import served
from tests.cli.program import Program, environment, refused, run
from tests.packages import sdist, wheel
from tests.upstream.controller import Upstream
from tests.waiting import length, until

SALT = wheel("salt", "1.0", size=300_000)
SALT_SDIST = sdist("salt", "1.0")
EGGS = wheel("eggs", "1.5")
EGGS_2 = wheel("eggs", "2.0rc1")
NAMES = {SALT.filename, SALT_SDIST.filename, EGGS.filename}


@pytest.fixture(autouse=True)
def listed(upstream: Upstream) -> None:
    for built in (SALT, EGGS, EGGS_2):
        upstream.add(built)
    upstream.add(SALT_SDIST, metadata=False)


def prefetch(
    folder: Path, upstream: Upstream, *arguments: str | Path
) -> subprocess.CompletedProcess[str]:
    return run(folder, "prefetch", "--upstream", upstream.simple, *arguments)


def files(done: subprocess.CompletedProcess[str], state: str = "fetched") -> set[str]:
    lines = [line.split() for line in done.stdout.splitlines()]
    return {line[1] for line in lines if line[0] == state}


def events(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in done.stdout.splitlines()]


def test_a_requirements_file(tmp_path: Path, upstream: Upstream) -> None:
    """Each file is one line, the sum is the last, and a second run finds all of it here."""
    (tmp_path / "requirements.txt").write_text("salt==1.0\neggs\n")

    first = prefetch(tmp_path, upstream, "requirements.txt")
    second = prefetch(tmp_path, upstream, "requirements.txt")

    assert (first.returncode, first.stderr, files(first)) == (0, "", NAMES)
    assert re.fullmatch(
        r"2 projects: 3 fetched, 0 here before, [\d.]+ kB in all; 0 could not be had",
        first.stdout.splitlines()[-1],
    )
    assert (second.returncode, files(second), files(second, "here")) == (0, set(), NAMES)


def test_what_could_not_be_had(tmp_path: Path, upstream: Upstream) -> None:
    """What is lacking is named at the end, each with its reason, and the exit code is 1."""
    (tmp_path / "requirements.txt").write_text("eggs==9\nnone==1\n-e .\neggs\n")

    done = prefetch(tmp_path, upstream, "requirements.txt")

    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert {line for line in lines if line.startswith("lacking")} == {
        "lacking  eggs==9: the index has no version of eggs that satisfies ==9 for these",
        "lacking  none==1: index main has no project none",
        "lacking  -e .: it is installed from a folder or a repository, not from an index",
    }
    assert done.stdout.splitlines()[-1].endswith("; 3 could not be had")


def test_as_json(tmp_path: Path, upstream: Upstream) -> None:
    """Programs get an object a line: what was looked at, had, lacked, and the sum."""
    (tmp_path / "requirements.txt").write_text("salt==1.0\nnone\n")

    done = prefetch(tmp_path, upstream, "--json", "requirements.txt")

    assert done.returncode == 1
    said = events(done)
    assert {event["filename"] for event in said if event["event"] == "had"} == {
        SALT.filename,
        SALT_SDIST.filename,
    }
    assert [event["says"] for event in said if event["event"] == "lacked"] == ["none"]
    assert said[-1] == {
        "event": "done",
        "projects": 1,
        "fetched": 2,
        "here": 0,
        "size": SALT.size + SALT_SDIST.size,
        "lacked": 1,
    }


def test_files_that_name_each_other(tmp_path: Path, upstream: Upstream) -> None:
    """-r and -c are read beside the file that names them, each once, in a circle too."""
    folder = tmp_path / "deep"
    folder.mkdir()
    (tmp_path / "requirements.txt").write_text("-r deep/more.txt\n-c deep/bounds.txt\n--pre\n")
    (folder / "more.txt").write_text("-r ../requirements.txt\n-r more.txt\neggs\n")
    (folder / "bounds.txt").write_text("eggs<2.0rc1\nnone==1\n")

    done = prefetch(tmp_path, upstream, "requirements.txt")

    assert (done.returncode, files(done)) == (0, {EGGS.filename})


def test_standard_input_and_variables(tmp_path: Path, upstream: Upstream) -> None:
    """`-` is what comes through the pipe; ${NAME} is a variable's value."""
    done = subprocess.run(
        [sys.executable, "-m", "cloche", "prefetch", "-", "--upstream", upstream.simple],
        cwd=tmp_path,
        env=environment(tmp_path, {"EGGS": "1.5"}),
        input="eggs==${EGGS}\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, files(done), done.stderr) == (0, {EGGS.filename}, "")


def test_choices(tmp_path: Path, upstream: Upstream) -> None:
    """Platforms, Pythons, prereleases and sdists are chosen by options."""
    mac = wheel("eggs", "1.5", tag="cp312-cp312-macosx_11_0_arm64")
    upstream.add(mac)
    (tmp_path / "salt.txt").write_text("salt")
    (tmp_path / "eggs.txt").write_text("eggs==1.5")
    (tmp_path / "any.txt").write_text("eggs")
    chosen = ("--platform", "macosx_14_0_arm64", "--python", "3.12")

    assert files(prefetch(tmp_path, upstream, "salt.txt", "--no-sdists")) == {SALT.filename}
    assert files(prefetch(tmp_path, upstream, "any.txt", "--pre")) == {EGGS_2.filename}
    assert files(prefetch(tmp_path, upstream, "eggs.txt")) == {EGGS.filename}
    assert files(prefetch(tmp_path, upstream, "eggs.txt", *chosen)) == {mac.filename}
    assert files(prefetch(tmp_path, upstream, "eggs.txt", "--all"), "here") == {
        EGGS.filename,
        mac.filename,
    }


def test_another_index(tmp_path: Path, upstream: Upstream) -> None:
    """--index brings what that index would show; one that there is not is refused."""
    config = tmp_path / "cloche.toml"
    config.write_text(
        f'[upstream.pypi]\nurl = "{upstream.simple}"\n[index.main]\n[index.all]\nsources = ["pypi"]'
    )
    (tmp_path / "requirements.txt").write_text("eggs==1.5")
    asked = ("prefetch", "requirements.txt", "--config", config)

    assert run(tmp_path, *asked).returncode == 1
    assert files(run(tmp_path, *asked, "--index", "all")) == {EGGS.filename}
    assert "known are main, all" in refused(run(tmp_path, *asked, "--index", "other"))


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("no.txt", None, "cannot be read"),
        ("pyproject.toml", "", "no lock file that is known"),
        ("Cargo.lock", "", "no lock file that is known"),
        ("uv.lock", "version = 7", "uv.lock: this is no uv.lock"),
        ("a.txt", "-r gone.txt", "gone.txt cannot be read"),
        ("a.txt", "-r http://elsewhere/x.txt", "fetch that file"),
        ("a.txt", "a==1\n" * 20_001, "ask for fewer"),
    ],
)
def test_refused(tmp_path: Path, upstream: Upstream, name: str, text: str | None, why: str) -> None:
    """What cannot be read is refused before anything is asked for."""
    if text is not None:
        (tmp_path / name).write_text(text)

    assert why in refused(prefetch(tmp_path, upstream, name))
    assert upstream.requests() == []


@pytest.mark.parametrize("options", [("--platform", "linux"), ("--python", "x"), ("--jobs", "0")])
def test_refused_options(tmp_path: Path, upstream: Upstream, options: tuple[str, str]) -> None:
    """Nonsense in an option is told in a sentence."""
    (tmp_path / "a.txt").write_text("eggs")

    refused(prefetch(tmp_path, upstream, "a.txt", *options))


def test_too_deep(tmp_path: Path, upstream: Upstream) -> None:
    """Files that name each other without end are refused."""
    for n in range(20):
        (tmp_path / f"{n}.txt").write_text(f"-r {n + 1}.txt")

    assert "within each other" in refused(prefetch(tmp_path, upstream, "0.txt"))


def test_ctrl_c(tmp_path: Path, upstream: Upstream) -> None:
    """Ctrl-C ends it with 130 and a sentence; the next run resumes what had begun."""
    (tmp_path / "requirements.txt").write_text("salt==1.0\neggs")
    path = upstream.file(SALT)
    asked = ("prefetch", "requirements.txt", "--upstream", upstream.simple)
    with upstream.gate(path, after=200_000, times=1), Program(tmp_path, *asked) as program:
        folder = tmp_path / "cloche-data" / "spool" / "downloads"
        until(lambda: any(length(f) >= 100_000 for f in folder.glob("*.part")))
        program.interrupt()
        code = program.end()
    upstream.forget()

    done = prefetch(tmp_path, upstream, "requirements.txt")

    assert (code, program.err) == (
        130,
        "cloche: stopped; what has come is kept, run it again to go on\n",
    )
    assert done.returncode == 0
    (resumed,) = [r for r in upstream.requests(path) if r.path == path]
    assert resumed.headers.get("range", "").startswith("bytes=")


def test_on_a_terminal(tmp_path: Path, upstream: Upstream) -> None:
    """A terminal gets a bar with files and bytes while it lasts; the lines are on their own."""
    (tmp_path / "requirements.txt").write_text("salt==1.0\neggs==1.5")
    asked = ("prefetch", "requirements.txt", "--upstream", upstream.simple)
    ours, theirs = pty.openpty()
    with upstream.gate(upstream.file(SALT), after=200_000, times=1):
        process = subprocess.Popen(
            [sys.executable, "-m", "cloche", *asked],
            cwd=tmp_path,
            env=environment(tmp_path, {"TERM": "xterm", "COLUMNS": "120"}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
        )
        os.close(theirs)
        seen = ""
        while "2 of 3 files" not in seen:
            seen += os.read(ours, 4096).decode(errors="replace")
    out, _ = process.communicate(timeout=60)
    os.close(ours)

    assert process.returncode == 0
    assert "kB" in seen
    assert out.splitlines()[-1].startswith("2 projects: 3 fetched, 0 here before")


def test_beside_a_running_server(tmp_path: Path, upstream: Upstream) -> None:
    """A server on the same data folder serves what was brought, without asking for it again."""
    (tmp_path / "requirements.txt").write_text("eggs==1.5")
    with Program(
        tmp_path, "serve", "--port", "0", "--upstream", upstream.simple, "--data", "cloche-data"
    ) as server:
        url = server.url
        assert prefetch(tmp_path, upstream, "requirements.txt").returncode == 0
        upstream.forget()
        with upstream.down():
            got = served(url, f"/packages/main/eggs/{EGGS.sha256}/{EGGS.filename}")
        server.process.send_signal(signal.SIGINT)
        server.end()

    assert got == (200, EGGS.content)
