"""A real bandersnatch and cloche mirror the same upstream through the same filters."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import environment
from tests.clients.client import ROOT, Client
from tests.mirror import history
from tests.mirror.bandersnatch import Bandersnatch
from tests.mirror.mirror import Mirror
from tests.mirror.scripted import Upstream

MANY = 150
FILTERS = f"""
[plugins]
enabled =
    blocklist_project
    blocklist_release
    regex_project
    prerelease_release
    exclude_platform
[blocklist]
packages =
    {history.FAILING}
    {history.SPOILED}
    project-0003
    project-0004<2
platforms =
    windows
[filter_regex]
packages =
    project-00[1-2]5
"""
ALL = '[upstream.mirrored.mirror]\nmode = "all"\n'

pytestmark = pytest.mark.clients


def translated(config: Path) -> str:
    """What `cloche config import` makes of a bandersnatch.conf."""
    done = subprocess.run(
        [sys.executable, "-m", "cloche", "config", "import", config],
        env=environment(config.parent),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("version", ["bandersnatch", "bandersnatch8"])
def test_both_have_the_same_files(scripted: Upstream, tmp_path: Path, version: str) -> None:
    """With the settings that `config import` makes of its own, file by file, and after changes."""
    if (ROOT / ".venvs" / version / "why-not").exists():
        pytest.skip(f"no Python here for {version}")  # it runs on later ones alone
    scripted.found(MANY)
    home = tmp_path / "home"
    home.mkdir()
    theirs = Bandersnatch(Client(version, home), scripted.master(), FILTERS)
    ours = Mirror(tmp_path, scripted.simple(), settings=translated(theirs.config) + ALL)

    for steps in ((), ("publish", "yank")):
        scripted.play(*steps)
        theirs.sync()
        done = ours.sync()

        assert done.returncode == 0, done
        assert ours.holding.files() == theirs.has()

    left_out = {file for files in scripted.expected().values() for file in files}
    left_out -= {file for files in theirs.has().values() for file in files}
    assert {file.split("-")[0] for file in left_out} >= {"project_0003", "project_0015"}
    assert any("win_amd64" in file for file in left_out)
    assert any("rc1" in file for file in left_out)
