"""uv and pip through the past of an index, unchanged: `/as-of/SERIAL/simple/`."""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clients.client import Client, NewClient, Publish
from tests.clients.evidence import JSON, digests, installed, promised
from tests.packages import Built, wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream
from tests.waiting import until
from tests.web.api.managing import Manager, place

pytestmark = pytest.mark.clients

OYSTER = "past-oyster"  # public
ACME = "past-acme"  # private
O1, O2, O3 = (wheel(OYSTER, version) for version in ("1.0", "2.0", "3.0"))
A1 = wheel(ACME, "1.0", requires=[OYSTER])
A2 = wheel(ACME, "2.0", requires=[f"{OYSTER}<3"])
PYPROJECT = f"""\
[project]
name = "table"
version = "0"
requires-python = ">=3.11"
dependencies = ["{ACME}"]
"""


@dataclass(frozen=True)
class History:
    """What happened, and the serial at which each time ended."""

    server: Cloche
    then: dict[str, int]

    def index(self, when: str) -> str:
        return f"{self.server.url}/as-of/{self.then[when]}/simple/"


@pytest.fixture
def history(cloche: Cloche, upstream: Upstream, publish: Publish) -> History:
    """Publish, yank, delete, publish again: upstream and here."""
    upstream.project(OYSTER, max_age=0)
    admin = Manager(cloche, cloche.token("admin"))
    then: dict[str, int] = {}

    def now(moment: str, **yanked: bool | str) -> None:
        def arrived() -> bool:
            """Whether the server has looked since: a look under way may be from before."""
            pages = [cloche.get(f"/simple/{name}/", {"Accept": JSON}) for name in (OYSTER, ACME)]
            then[moment] = max(int(page.headers["x-pypi-last-serial"]) for page in pages)
            files = json.loads(pages[0].body)["files"]
            return {f["filename"].split("-")[1]: f.get("yanked", False) for f in files} == said

        said = {f"{version[1:]}.0": each for version, each in yanked.items()}
        until(arrived)

    upstream.add(O1)
    publish(A1)
    now("first", v1=False)
    upstream.add(O2)
    now("newer", v1=False, v2=False)
    upstream.add(O2, yanked="broken")
    now("yanked", v1=False, v2="broken")
    _keep(cloche, O1)
    upstream.remove(O1)
    upstream.add(O3)
    publish(A2)
    admin.do("DELETE", place(ACME, "versions", "1.0"))
    upstream.add(O2)
    now("last", v2=False, v3=False)
    return History(cloche, then)


def _keep(cloche: Cloche, built: Built) -> None:
    """Have the file kept, as whoever installs it does."""
    reply = cloche.get(f"/packages/main/{built.project}/{built.sha256}/{built.filename}")
    assert reply.status == 200, reply


def lock(uv: Client, index: str, folder: Path) -> str:
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PYPROJECT)
    uv.succeeds("lock", "--default-index", index, "--python", uv.python, cwd=folder)
    return (folder / "uv.lock").read_text()


def versions(locked: str) -> dict[str, str]:
    packages: list[dict[str, Any]] = tomllib.loads(locked)["package"]
    return {each["name"]: each["version"] for each in packages if each["name"] != "table"}


def test_uv_locks_and_syncs_the_past(
    new_client: NewClient, history: History, tmp_path: Path
) -> None:
    """A lock of each moment is that moment's, the same bytes each time, and can be installed."""
    expected = {
        "first": {ACME: "1.0", OYSTER: "1.0"},
        "newer": {ACME: "1.0", OYSTER: "2.0"},
        "yanked": {ACME: "1.0", OYSTER: "1.0"},
        "last": {ACME: "2.0", OYSTER: "2.0"},
    }
    for when, wanted in expected.items():
        project = tmp_path / when
        first = lock(new_client("uv"), history.index(when), project)
        again = lock(new_client("uv"), history.index(when), tmp_path / f"{when} again")

        assert versions(first) == wanted, when
        assert first == again
        assert f"/as-of/{history.then[when]}/packages/{OYSTER}/" in first

        uv = new_client("uv")
        uv.succeeds("sync", "--frozen", "--python", uv.python, cwd=project)
        (packages,) = project.glob(".venv/lib/python*/site-packages")
        assert installed(packages) == wanted

    today = lock(new_client("uv"), history.server.simple, tmp_path / "today")
    assert versions(today) == expected["last"]


def test_a_lock_of_today_is_one_of_then_tomorrow(
    new_client: NewClient, history: History, upstream: Upstream, tmp_path: Path
) -> None:
    """What is published after a moment changes no lock of it."""
    before = lock(new_client("uv"), history.index("last"), tmp_path / "before")
    upstream.add(wheel(OYSTER, "2.5"))
    today = lock(new_client("uv"), history.server.simple, tmp_path / "today")

    assert versions(today)[OYSTER] == "2.5"
    assert lock(new_client("uv"), history.index("last"), tmp_path / "after") == before


def test_pip_downloads_the_past(pip: Client, history: History, tmp_path: Path) -> None:
    """Pip finds the files of then, with those that were deleted since, byte for byte."""
    expected = {"first": (A1, O1), "newer": (A1, O2), "yanked": (A1, O1), "last": (A2, O2)}
    for when, wanted in expected.items():
        folder = tmp_path / when
        pip.succeeds("download", "--index-url", history.index(when), "--dest", folder, ACME)

        assert digests(folder) == promised(*wanted), when
