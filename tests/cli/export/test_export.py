"""`cloche export` into a folder: what lies there, what changes, and what is left alone."""

import hashlib
import os
import stat
from pathlib import Path

import msgspec
import pytest

from tests.cli.export.conftest import Exporting
from tests.cli.export.trees import (
    CACHED,
    OWN,
    OWN_2,
    SDIST,
    files,
    lies_at,
    metadata,
    page,
    projects,
    tree,
)
from tests.cli.program import refused, run
from tests.packages import wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream
from tests.web.forms import upload

ALL = {built.filename for built in (OWN, OWN_2, CACHED, SDIST)}


def test_what_lies_there(folder: Path, export: Exporting) -> None:
    """Every project has its pages, every link leads to its bytes, and what is kept is fetched."""
    done = export()
    target = folder / "target"

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("2 projects: ")
    assert projects(target) == ["cached", "own-name"]
    assert files(target) == ALL
    for name in projects(target):
        for file in page(target, name)["files"]:
            body = lies_at(target, name, file["url"]).read_bytes()
            assert hashlib.sha256(body).hexdigest() == file["hashes"]["sha256"]
            assert len(body) == file["size"]
    assert metadata(target, CACHED) == CACHED.metadata
    assert metadata(target, OWN) == OWN.metadata


def test_again(folder: Path, export: Exporting) -> None:
    """A second run writes nothing; one to another folder writes the very same bytes."""
    export()
    before = tree(folder / "target")
    times = {path: path.stat().st_mtime_ns for path in (folder / "target" / "simple").rglob("*.*")}

    again, other = export(), export(target="other")

    assert again.stdout.startswith("2 projects: 0 files written, 0 bytes, ")
    assert other.returncode == 0
    assert tree(folder / "target") == before == tree(folder / "other")
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_what_changes(folder: Path, export: Exporting, server: Cloche, token: str) -> None:
    """After an upload, a yank and a deletion the target is what a new one would be."""
    export()
    new, third = wheel("newcomer", "1.0"), wheel("own-name", "3.0")
    for built in (new, third):
        assert upload(server.url, built, token).status == 200
    for words in (("yank", "own-name", "2.0", "--reason", "bad"), ("delete", "own-name", "1.0")):
        assert run(folder, *words, "--data", "data").returncode == 0

    done, other = export(), export(target="other")

    assert (done.returncode, other.returncode) == (0, 0)
    assert tree(folder / "target") == tree(folder / "other")
    assert projects(folder / "target") == ["cached", "newcomer", "own-name"]
    assert files(folder / "target") == ALL - {OWN.filename} | {new.filename, third.filename}
    said = {file["filename"]: file for file in page(folder / "target", "own-name")["files"]}
    assert said[OWN_2.filename]["yanked"] == "bad"


def test_a_project_that_goes(folder: Path, export: Exporting) -> None:
    """Of a project that is deleted nothing is left, neither files nor folders."""
    export()
    assert run(folder, "delete", "own-name", "--all", "--data", "data").returncode == 0

    done = export()
    assert export(target="other").returncode == 0

    assert "own-name: 0 new, 0 as they were, " in done.stdout
    assert tree(folder / "target") == tree(folder / "other")
    assert [*(folder / "target").rglob("own-name*")] == []


def test_what_rules_withhold(folder: Path, export: Exporting, upstream: Upstream) -> None:
    """What a rule withholds is neither listed nor there, also when it was there before."""
    export()
    config = folder / "cloche.toml"
    config.write_text(
        f'[upstream.pypi]\nurl = "{upstream.simple}"\n[index.main]\nuploads = true\n'
        'sources = ["pypi"]\n[[index.main.rule]]\nkind = "kinds"\nonly = ["wheel"]\n'
        '[[index.main.rule]]\nkind = "deny"\nwhat = ["own-name==1.0"]\n'
    )

    done = run(folder, "export", "target", "--data", "data", "--config", config)

    assert done.returncode == 0, done.stderr
    assert files(folder / "target") == {OWN_2.filename, CACHED.filename}


def test_held_only(folder: Path, export: Exporting, upstream: Upstream) -> None:
    """With --held-only nobody is asked, and pages list what is kept."""
    (folder / "wanted.txt").write_text("cached==0.9\n")
    fetch = ("prefetch", "wanted.txt", "--data", "data", "--upstream", upstream.simple)
    assert run(folder, *fetch).returncode == 0
    upstream.forget()

    done = export("--held-only")

    assert done.returncode == 0
    assert "cached: 1 left out, they are not kept here" in done.stdout
    assert upstream.requests() == []
    assert files(folder / "target") == ALL - {CACHED.filename}
    said = page(folder / "target", "cached")
    assert [file["filename"] for file in said["files"]] == [SDIST.filename]
    assert said["versions"] == ["0.9"]


def test_what_cannot_be_had(folder: Path, export: Exporting, upstream: Upstream) -> None:
    """A file that does not come is left off its page and told; later it comes."""
    with upstream.down():
        done = export()
    assert done.returncode == 1
    assert [line for line in done.stdout.splitlines() if line.startswith("lacking  cached (")]
    assert files(folder / "target") == {OWN.filename, OWN_2.filename}
    assert projects(folder / "target") == ["cached", "own-name"]

    assert export().returncode == 0
    assert files(folder / "target") == ALL


def test_down_later(folder: Path, export: Exporting, upstream: Upstream) -> None:
    """What is in the target stays there while the upstream is down, and is asked for no more."""
    export()
    before = tree(folder / "target")

    with upstream.down():
        done = export()

    assert (done.returncode, tree(folder / "target")) == (0, before)


def test_requirements(folder: Path, export: Exporting) -> None:
    """With --requirements only what these name is there; what they name in vain is told."""
    (folder / "wanted.txt").write_text("cached==0.9\nown-name\nnone-such\n-e .\n")

    done = export("--requirements", "wanted.txt")

    assert done.returncode == 1
    assert set(done.stdout.splitlines()) >= {
        "lacking  none-such: index main has no project none-such",
        "lacking  -e .: it is installed from a folder or a repository, not from an index",
    }
    assert files(folder / "target") == {SDIST.filename, OWN_2.filename}
    assert projects(folder / "target") == ["cached", "own-name"]
    assert page(folder / "target", "own-name")["versions"] == ["2.0"]


def test_as_of(folder: Path, export: Exporting, server: Cloche, token: str) -> None:
    """--as-of writes the index as it was, by a snapshot's name too."""
    made = run(folder, "snapshot", "create", "then", "--data", "data")
    assert made.returncode == 0, made.stderr
    export()
    before = tree(folder / "target", own=False)
    assert upload(server.url, wheel("newcomer", "1.0"), token).status == 200
    assert run(folder, "delete", "own-name", "1.0", "--data", "data").returncode == 0

    done = export("--as-of", "then", target="other")

    assert done.returncode == 0, done.stdout
    assert set(tree(folder / "other", own=False)) == set(before)
    assert files(folder / "other") == ALL


def test_dry_run(folder: Path, export: Exporting, upstream: Upstream) -> None:
    """With --dry-run nothing is fetched and nothing written, and it is said what would be."""
    done = export("--dry-run")

    assert done.returncode == 0
    assert "own-name: " in done.stdout
    assert not (folder / "target").exists()
    assert [each.path for each in upstream.requests("/files")] == []


def test_as_json(folder: Path, export: Exporting) -> None:
    """Programs get an object a line, and the sums at the end."""
    export()
    (folder / "target" / "simple" / "cached" / "index.html").unlink()

    said = [msgspec.json.decode(line) for line in export("--json").stdout.splitlines()]

    assert {e["project"]: e["new"] for e in said[:-1]} == {"cached": 1, "own-name": 0}
    assert (said[-1]["event"], said[-1]["written"], said[-1]["lacked"]) == ("done", 1, 0)


@pytest.mark.parametrize("damage", ["cut", "gone", "forgotten"])
def test_damage(folder: Path, export: Exporting, damage: str) -> None:
    """What is cut short or gone, or written down nowhere, is written again."""
    export()
    before = tree(folder / "target")
    (file,) = folder.glob(f"target/packages/**/{CACHED.filename}")
    if damage == "cut":
        os.truncate(file, 1000)
    elif damage == "gone":
        file.unlink()
    else:
        (folder / "target" / ".cloche" / "projects" / "cached").write_text("{")

    assert export().returncode == 0
    assert tree(folder / "target") == before


def test_links(folder: Path, export: Exporting) -> None:
    """--link makes hard links to what is kept; without it every file is a copy."""
    export("--link")
    export(target="other")

    def links(target: str) -> set[int]:
        found = folder.glob(f"{target}/packages/**/*.whl")
        return {path.stat().st_nlink > 1 for path in found}

    assert (links("target"), links("other")) == ({True}, {False})
    assert tree(folder / "target") == tree(folder / "other")


def test_symbolic_links(folder: Path, export: Exporting) -> None:
    """A symbolic link in the target is not followed: nothing outside is written or removed."""
    outside = folder / "outside"
    outside.mkdir()
    (outside / "index.html").write_text("mine")
    export()
    home = folder / "target" / "simple" / "cached"
    for file in home.iterdir():
        file.unlink()
    home.rmdir()
    home.symlink_to(outside)

    done = export()

    assert (done.returncode, "links are not followed" in done.stderr) == (2, True)
    assert tree(outside) == {"index.html": b"mine"}

    home.unlink()
    page_file = folder / "target" / "simple" / "own-name" / "index.html"
    page_file.unlink()
    page_file.symlink_to(outside / "index.html")

    assert export().returncode == 0
    assert stat.S_ISREG(page_file.lstat().st_mode)
    assert tree(outside) == {"index.html": b"mine"}


def test_targets_of_others(folder: Path, export: Exporting) -> None:
    """What another index or nobody here wrote is not written over."""
    (folder / "mine" / "simple").mkdir(parents=True)
    (folder / "mine" / "simple" / "page").write_text("mine")
    export()

    assert "no export made it" in refused(export(target="mine"))
    assert "layout simple" in refused(export("--layout", "bandersnatch"))
    assert "is no target" in refused(export(target="ftp://here"))
    assert "no index" in refused(export("--index", "none"))


def test_nothing_at_all(folder: Path, export: Exporting) -> None:
    """An index without projects does not empty a target: it may be another data folder's."""
    export()
    before = tree(folder / "target")

    done = run(folder, "export", "target", "--data", "nowhere")

    assert "see that --data is right" in refused(done)
    assert tree(folder / "target") == before
