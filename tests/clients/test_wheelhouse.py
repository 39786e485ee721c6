"""`cloche wheelhouse`, with the real uv and pip: wheels of what only comes as an sdist."""

import json
import os
import platform
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import Program
from tests.clients.client import ROOT, NewClient
from tests.clients.installer import Installer
from tests.packages import BACKEND, Built, sdist, wheel
from tests.server import Cloche
from tests.waiting import until
from tests.web.tokens import basic

pytestmark = pytest.mark.clients

SECONDS = 150.0
CONFIG = """
[upstream.here]
kind = "directory"
path = "{folder}/here"

[index.main]
default = true
sources = ["here"]
read = ["somebody"]

[index.wheels]
uploads = true
"""
NEEDS = b'[build-system]\nrequires = ["smith>=1"]\nbuild-backend = "smith"\n'
SMITH = wheel("smith", "1.0", body=BACKEND)
ACME = sdist("acme", "1.0", files={"pyproject.toml": NEEDS}, requires=["brie"])
BRIE = wheel("brie", "1.0")
WHEEL = "acme-1.0-py3-none-any.whl"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with settings, and a folder that is an upstream."""
    (tmp_path / "here").mkdir()
    (tmp_path / "cloche.toml").write_text(CONFIG.format(folder=tmp_path))
    return tmp_path


def offered(folder: Path, *files: Built) -> None:
    for built in files:
        built.write(folder / "here")


def started(folder: Path, *arguments: str, wanted: str = "acme\n", **more: str) -> Program:
    (folder / "wanted.txt").write_text(wanted)
    path = f"{ROOT / '.venvs' / 'uv' / 'bin'}:{os.environ['PATH']}"
    command = ("wheelhouse", "-r", "wanted.txt", "--config", "cloche.toml", *arguments)
    return Program(folder, *command, env={"PATH": path, **more})


def ended(folder: Path, *arguments: str, code: int = 0, **more: str) -> Program:
    with started(folder, *arguments, **more) as program:
        assert program.end(SECONDS) == code, program.err
    return program


def steps(program: Program) -> dict[str, str]:
    """The state of each version, by what it is."""
    events = [json.loads(line) for line in program.out.splitlines()]
    return {each["what"]: each["state"] for each in events if each["event"] == "wheel"}


def provenance(folder: Path) -> dict[str, Any]:
    """What the journal says of how the one wheel was built."""
    command = ("journal", "acme", "--index", "wheels", "--json", "--config", "cloche.toml")
    with Program(folder, *command) as program:
        assert program.end() == 0, program.err
    (entry,) = json.loads(program.out)
    found: dict[str, Any] = entry["detail"]["built"]
    return found


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_a_wheel_is_built_once(folder: Path, tool: str) -> None:
    """What has no wheel gets one; how it was built is in the journal; a second run finds it."""
    offered(folder, SMITH, ACME, BRIE)

    first = steps(ended(folder, "--with", tool, "--json"))
    second = steps(ended(folder, "--with", tool, "--json"))

    assert first == {"acme==1.0": "built", "brie==1.0": "wheel"}
    assert second == {"acme==1.0": "here", "brie==1.0": "wheel"}
    built = provenance(folder)
    assert (built["sdist"], built["sdist_sha256"]) == (ACME.filename, ACME.sha256)
    assert (built["source"], built["builder"].split()[0]) == ("main", tool)
    assert built["python"].split()[1] == ".".join(map(str, sys.version_info[:3]))
    assert {each["filename"]: each["key"] for each in built["requires"]} == {
        SMITH.filename: SMITH.sha256
    }


C = rb"""
#define PY_SSIZE_T_CLEAN
#include <Python.h>
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "fast", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_fast(void) { return PyModule_Create(&definition); }
"""
C_BACKEND = b"""
import subprocess, sys, sysconfig, zipfile
INFO = "fast-1.0.dist-info/"
def build_wheel(folder, config_settings=None, metadata_directory=None):
    module = "fast" + sysconfig.get_config_var("EXT_SUFFIX")
    include = "-I" + sysconfig.get_path("include")
    subprocess.run(["gcc", "-shared", "-fPIC", include, "fast.c", "-o", module], check=True)
    python = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    tag = f"{python}-{python}-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")
    names = [module, *(INFO + each for each in ("METADATA", "WHEEL", "RECORD"))]
    kind = ["Wheel-Version: 1.0", "Generator: c", "Root-Is-Purelib: false", f"Tag: {tag}", ""]
    with zipfile.ZipFile(f"{folder}/fast-1.0-{tag}.whl", "w") as archive:
        archive.write(module)
        archive.write("PKG-INFO", INFO + "METADATA")
        archive.writestr(INFO + "WHEEL", chr(10).join(kind))
        archive.writestr(INFO + "RECORD", "".join(f"{name},,{chr(10)}" for name in names))
    return f"fast-1.0-{tag}.whl"
"""


def test_an_extension_in_c(folder: Path, new_client: NewClient) -> None:
    """A wheel for this platform is built, and installs from the index that keeps it."""
    offered(folder, sdist("fast", "1.0", files={"backend.py": C_BACKEND, "fast.c": C}))
    ended(folder, wanted="fast\n")

    with Cloche(folder / "cloche-data", config=folder / "cloche.toml") as server:
        done = Installer(new_client("uv")).install(
            f"{server.url}/wheels/simple/",
            folder / "site",
            *("--python-version", platform.python_version(), "--only-binary", ":all:", "fast"),
        )
        told = told_by(server, "wheels", "fast")
    assert [each["built"]["sdist"] for each in told] == ["fast-1.0.tar.gz"]
    assert done.code == 0, done.output
    assert list((folder / "site").glob("fast*.so"))


def told_by(server: Cloche, index: str, project: str) -> list[dict[str, Any]]:
    """What the management API tells of a project's files."""
    token = basic(server.token("admin", index=index))
    reply = server.get(f"/-/api/v1/indexes/{index}/projects/{project}", token)
    files: list[dict[str, Any]] = json.loads(reply.body)["files"]
    return files


TELLS = b'import os\nfor name, value in os.environ.items(): print(name, "=", value)\n'
BREAKS = b'import sys\nsys.exit("no luck")\n'
ELSEWHERE = b"""
import urllib.request
try:
    urllib.request.urlopen("http://elsewhere.example/", timeout=30)
except OSError as e:
    print("refused", e.reason)
"""


def failing(body: bytes) -> Built:
    return sdist("ruin", "1.0", files={"backend.py": body})


def test_a_build_that_fails(folder: Path) -> None:
    """Its log's end is told and all of it kept; the rest is built; the exit code is 1."""
    offered(folder, SMITH, ACME, BRIE, failing(BREAKS))
    program = ended(folder, wanted="ruin\nacme\n", code=1)

    assert f"built  {WHEEL}" in program.out.splitlines()
    assert "failed  ruin==1.0" in program.out
    assert "no luck" in program.err
    log = re.search(r"all of it is in (\S+)", program.err)
    assert log
    assert "no luck" in (folder / log[1]).read_text()
    assert "1 built, 0 here before, 1 with wheels of their own; 1 failed" in program.out


def test_what_builds_know(folder: Path) -> None:
    """Of the user's variables a build sees those that are named; no home, no way elsewhere."""
    offered(folder, failing(ELSEWHERE + TELLS + BREAKS))
    said = {"SECRET_TOKEN": "tell-nobody", "CFLAGS": "-O9", "PIP_INDEX_URL": "http://127.0.0.1:1/"}
    ended(folder, "--env", "CFLAGS", wanted="ruin\n", code=1, **said)

    (log,) = (folder / "cloche-data" / "wheelhouse").glob("ruin-1.0-*.log")
    text = log.read_text()
    assert "CFLAGS = -O9" in text
    assert "refused" in text
    for hidden in ("tell-nobody", "SECRET_TOKEN", "127.0.0.1:1/", f"HOME = {folder}\n", "password"):
        assert hidden not in text


HANGS = b"""
import os, pathlib, subprocess, time
child = subprocess.Popen(["sleep", "600"])
pathlib.Path(os.environ["MARK"]).write_text(f"{os.getpid()} {child.pid}")
time.sleep(600)
"""


def gone(mark: Path) -> bool:
    """Whether none of the processes runs any more."""
    return not any(_runs(int(pid)) for pid in mark.read_text().split())


def _runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_build_that_does_not_end(folder: Path) -> None:
    """After its time it is stopped, with all that it has started."""
    offered(folder, failing(HANGS))
    mark = folder / "mark"
    program = ended(
        folder, "--env", "MARK", "--timeout", "5", wanted="ruin\n", code=1, MARK=str(mark)
    )

    assert "stopped after 5 s" in program.err
    until(lambda: gone(mark))


def test_ctrl_c(folder: Path) -> None:
    """One line, exit code 130, and no process left behind."""
    offered(folder, failing(HANGS))
    mark = folder / "mark"
    with started(folder, "--env", "MARK", wanted="ruin\n", MARK=str(mark)) as program:
        until(lambda: mark.exists() and len(mark.read_text().split()) == 2, SECONDS)
        program.process.send_signal(signal.SIGINT)
        assert program.end(SECONDS) == 130
    assert "what was built is kept" in program.err.splitlines()[-1]
    until(lambda: gone(mark))


ONCE = b"""
import os, pathlib, time
mark = pathlib.Path(os.environ["MARK"])
if not mark.exists():
    mark.write_text(str(os.getpid()))
    time.sleep(600)
"""


def test_killed(folder: Path) -> None:
    """Whatever was being built when it was killed is not there, and the next run builds it."""
    offered(folder, sdist("slow", "1.0", files={"backend.py": ONCE + BACKEND}))
    mark = folder / "mark"
    with started(folder, "--env", "MARK", wanted="slow\n", MARK=str(mark)) as program:
        until(lambda: mark.exists() and mark.read_text() != "", SECONDS)
        program.process.kill()
        program.process.wait()
    os.killpg(os.getpgid(int(mark.read_text())), signal.SIGKILL)

    again = ended(folder, "--env", "MARK", "--json", wanted="slow\n", MARK=str(mark))
    assert steps(again) == {"slow==1.0": "built"}


def test_a_dry_run(folder: Path) -> None:
    """What would be built is told, and nothing is."""
    offered(folder, SMITH, ACME, BRIE)
    program = ended(folder, "--dry-run", "--json")

    assert steps(program) == {"acme==1.0": "wanted", "brie==1.0": "wheel"}
    assert not (folder / "cloche-data" / "wheelhouse").exists()


def test_other_bytes_than_are_locked(folder: Path) -> None:
    """An sdist that is not the one that a requirements file names by its hash is not built."""
    offered(folder, SMITH, ACME, BRIE)
    wanted = f"acme==1.0 --hash=sha256:{'0' * 64}\n"

    assert "none of those asked for" in ended(folder, wanted=wanted, code=1).err


def test_addresses_lead_nowhere(folder: Path) -> None:
    """A requirement that is an address is not followed, and said to be left."""
    offered(folder, BRIE)
    wanted = "brie\nacme @ http://127.0.0.1:9/acme.tar.gz\n"
    program = ended(folder, "--json", wanted=wanted, code=1)

    assert steps(program)["brie==1.0"] == "wheel"
    assert [state for what, state in steps(program).items() if "acme" in what] == ["failed"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--with", "make"], "give one of uv, pip"),
        (["--index", "main"], "takes no uploads"),
        (["--index", "else"], "no index 'else'"),
        (["--python", "2.99"], "no Python 2.99"),
    ],
)
def test_bad_use(folder: Path, arguments: list[str], said: str) -> None:
    """What makes no sense is one line and exit code 2."""
    assert said in ended(folder, *arguments, code=2).err
