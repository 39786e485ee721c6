"""`--layout flat`: all files in one folder, beside a page of links."""

import re
from dataclasses import replace
from pathlib import Path

from tests.cli.export.conftest import Exporting
from tests.cli.export.test_export import ALL
from tests.cli.export.trees import CACHED, OWN, OWN_2, tree
from tests.cli.program import refused, run
from tests.packages import sdist
from tests.upstream.controller import Upstream

FLAT = ("--layout", "flat")


def links(target: Path) -> set[str]:
    page = (target / "index.html").read_text()
    return {each.replace("%2B", "+") for each in re.findall(r'href="([^"#]+)', page)}


def test_what_lies_there(folder: Path, export: Exporting) -> None:
    """Files and one page, which says of each what installers must know; again is nothing."""
    done = export(*FLAT)
    target = folder / "target"

    assert (done.returncode, done.stderr) == (0, "")
    assert {*tree(target, own=False)} == {*ALL, "index.html"}
    assert links(target) == ALL
    page = (target / "index.html").read_text()
    assert f'href="{OWN_2.filename}#sha256={OWN_2.sha256}" data-requires-python="&gt;=3.8"' in page
    assert "metadata" not in page
    assert (target / CACHED.filename).read_bytes() == CACHED.content
    before = tree(target)
    assert export(*FLAT).stdout.startswith("2 projects: 0 files written, 0 bytes, ")
    assert tree(target) == before


def test_what_changes(folder: Path, export: Exporting) -> None:
    """What is yanked is marked, and what is deleted goes, also from the folder."""
    export(*FLAT)
    for words in (("yank", "own-name", "2.0", "--reason", "bad"), ("delete", "own-name", "1.0")):
        assert run(folder, *words, "--data", "data").returncode == 0
    done = export(*FLAT)
    other = export(*FLAT, target="other")

    assert (done.returncode, other.returncode) == (0, 0)
    assert tree(folder / "target") == tree(folder / "other")
    assert links(folder / "target") == ALL - {OWN.filename}
    assert 'data-yanked="bad"' in (folder / "target" / "index.html").read_text()

    assert run(folder, "delete", "own-name", "--all", "--data", "data").returncode == 0
    assert export(*FLAT).returncode == 0
    assert links(folder / "target") == ALL - {OWN.filename, OWN_2.filename}
    assert not (folder / "target" / OWN_2.filename).exists()


def test_names_of_others(folder: Path, export: Exporting, upstream: Upstream) -> None:
    """A file that is not named after its project is left out: another may have it."""
    for name in ("own_name-1.0-py3-none-any.whl", "index.html"):
        built = replace(sdist("hostile", "1.0"), filename=name, content=name.encode())
        upstream.add(built, metadata=False)
    upstream.add(sdist("hostile", "1.0"), metadata=False)
    (folder / "wanted.txt").write_text("hostile\nown-name\n")
    run(folder, "prefetch", "wanted.txt", "--data", "data", "--upstream", upstream.simple)
    done = export(*FLAT)

    assert done.returncode == 1
    assert "lacking  hostile (own_name-1.0-py3-none-any.whl): its name is of another" in done.stdout
    assert "lacking  hostile (index.html): " in done.stdout
    assert links(folder / "target") == ALL | {"hostile-1.0.tar.gz"}
    assert "<h1>" in (folder / "target" / "index.html").read_text()


def test_folders_of_others(folder: Path, export: Exporting) -> None:
    """A folder in which something lies is not taken; there is no configuration to write."""
    (folder / "mine").mkdir()
    (folder / "mine" / "page").write_text("mine")

    assert "has something already" in refused(export(*FLAT, target="mine"))
    assert "needs no configuration" in refused(export(*FLAT, "--server-config", "nginx"))
