"""A run after a run: what is known is not looked at, until time or the journal says otherwise."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from tests.cli.export.conftest import Exporting
from tests.cli.export.test_export import ALL
from tests.cli.export.trees import OWN, OWN_2, files, page, tree
from tests.cli.program import run

WRONG = "0" * 32
"""The digest of no page: who looks at the page finds another, and writes that down."""
PAST = datetime(2020, 1, 1, tzinfo=UTC).isoformat()


def state(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(
        (folder / "target" / ".cloche" / "state.json").read_bytes()
    )
    return found


def altered(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    said = state(folder)
    change(said)
    (folder / "target" / ".cloche" / "state.json").write_bytes(msgspec.json.encode(said))


def mistaken(said: dict[str, Any]) -> None:
    """As if each page had said something else when it was exported last."""
    for known in said["projects"].values():
        known[3] = WRONG


def looked(folder: Path) -> set[str]:
    """The projects that the last run has looked at, after `mistaken`."""
    return {name for name, known in state(folder)["projects"].items() if known[3] != WRONG}


def test_nothing_is_looked_at(folder: Path, export: Exporting) -> None:
    """A page that holds and is not named by the journal is not made again; --full makes all."""
    export()
    altered(folder, mistaken)

    assert export().stdout.startswith("2 projects: 0 files written, 0 bytes, ")
    assert looked(folder) == set()
    assert export("--full").returncode == 0
    assert looked(folder) == {"cached", "own-name"}


def test_what_the_journal_names(folder: Path, export: Exporting) -> None:
    """What has changed since is looked at, and nothing else."""
    export()
    altered(folder, mistaken)
    assert run(folder, "yank", "own-name", "1.0", "--data", "data").returncode == 0

    export()

    assert looked(folder) == {"own-name"}
    said = {file["filename"]: file for file in page(folder / "target", "own-name")["files"]}
    assert said[OWN.filename]["yanked"] is True


def test_what_time_ends(folder: Path) -> None:
    """A page that holds no longer is looked at; and what a rule or an admission ends, ends it."""
    config = folder / "cloche.toml"
    config.write_text(
        '[index.main]\nuploads = true\n[[index.main.rule]]\nkind = "deny"\n'
        'what = ["own-name==1.0"]\n'
    )
    asked = ("--data", "data", "--config", config)
    admit = ("admit", "main", "own-name==1.0", "--reason", "a hole", "--for", "1d")
    assert run(folder, *admit, *asked).returncode == 0
    assert run(folder, "export", "target", *asked).returncode == 0
    until = datetime.fromisoformat(state(folder)["projects"]["own-name"][2])
    assert until < datetime.now(UTC) + timedelta(days=1)
    assert OWN.filename in files(folder / "target")

    altered(folder, mistaken)
    assert run(folder, "export", "target", *asked).returncode == 0
    assert looked(folder) == set()

    altered(folder, lambda said: said["projects"]["own-name"].__setitem__(2, PAST))
    assert run(folder, "export", "target", *asked).returncode == 0
    assert looked(folder) == {"own-name"}


def test_a_page_that_is_the_same(folder: Path, export: Exporting) -> None:
    """A page that had to be looked at, and says the same, is not made again."""
    export()
    before = state(folder)
    altered(folder, lambda said: said["projects"]["own-name"].__setitem__(2, PAST))

    assert export().stdout.startswith("2 projects: 0 files written, 0 bytes, ")
    assert state(folder) == before


def test_other_rules(folder: Path, export: Exporting) -> None:
    """After a change of rules all is looked at, and what they withhold goes."""
    export()
    config = folder / "cloche.toml"
    config.write_text(
        '[index.main]\nuploads = true\n[[index.main.rule]]\nkind = "deny"\n'
        'what = ["own-name==1.0"]\n'
    )
    assert run(folder, "export", "target", "--data", "data", "--config", config).returncode == 0
    assert OWN.filename not in files(folder / "target")


def test_a_part_and_all(folder: Path, export: Exporting) -> None:
    """What lists made of a page is not taken for all of it, nor the other way round."""
    (folder / "wanted.txt").write_text("own-name==1.0\n")
    asked = ("--requirements", "wanted.txt")
    export()
    assert export(*asked).returncode == 0
    assert files(folder / "target") == {OWN.filename}
    (folder / "wanted.txt").write_text("own-name==2.0\n")
    assert export(*asked).returncode == 0
    assert files(folder / "target") == {OWN_2.filename}
    assert export().returncode == 0
    assert files(folder / "target") == ALL


def test_other_data(folder: Path, export: Exporting) -> None:
    """Data that are restored from a backup, or others, are not taken for those of the last run."""
    shutil.copytree(folder / "data", folder / "backup")
    export()
    assert run(folder, "delete", "own-name", "1.0", "--data", "data").returncode == 0
    export()
    shutil.rmtree(folder / "data")
    (folder / "backup").rename(folder / "data")

    assert export().returncode == 0
    assert OWN.filename in files(folder / "target")


def test_a_run_that_broke_off(folder: Path, export: Exporting) -> None:
    """After a run that did not come to its end, all is looked at."""
    export()
    altered(folder, mistaken)
    (folder / "target" / ".cloche" / "run.json").write_text("{}")

    assert export().returncode == 0
    assert looked(folder) == {"cached", "own-name"}


def test_dry(folder: Path, export: Exporting) -> None:
    """A dry run changes nothing of what is written down."""
    export()
    altered(folder, mistaken)
    before = tree(folder / "target")

    assert export("--dry-run", "--full").returncode == 0
    assert tree(folder / "target") == before
