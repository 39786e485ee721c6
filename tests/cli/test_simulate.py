"""`cloche simulate`: what another policy would withhold of what is used, before it does."""

import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.cli.program import refused, run
from tests.packages import Built, wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream

OLD, NEW = wheel("si-demo", "1.0"), wheel("si-demo", "2.0")
OTHER = wheel("si-other", "1.0")
HIDE = 'effect = "hide"\n'


@pytest.fixture
def folder(tmp_path: Path, upstream: Upstream) -> Path:
    """A folder of a server without rules that has ended, and of which one release was fetched."""
    for built in (OLD, NEW, OTHER):
        upstream.add(built)
    written(tmp_path, upstream, "now.toml")
    with Cloche(tmp_path / "data", config=tmp_path / "now.toml") as server:
        for name in ("si-demo", "si-other"):
            assert server.get(f"/simple/{name}/").status == 200
        path = f"/packages/main/si-demo/{OLD.sha256}/{OLD.filename}"
        assert server.get(path).status == 200
    return tmp_path


def written(folder: Path, upstream: Upstream, name: str, *rules: str) -> None:
    text = f'[upstream.pypi]\nurl = "{upstream.simple}"\n[index.main]\nsources = ["pypi"]\n'
    (folder / name).write_text(text + "".join(f"[[index.main.rule]]\n{rule}" for rule in rules))


def cooldown(*exempt: str, effect: str = "") -> str:
    return f'kind = "cooldown"\ndays = 36500\nexempt = {json.dumps(exempt)}\n{effect}'


def lock(folder: Path, *builts: Built) -> str:
    """Write a pylock.toml that names these files."""
    lines = ['lock-version = "1.0"', 'created-by = "test"']
    for built in builts:
        lines += [
            "[[packages]]",
            f'name = "{built.project}"',
            f'version = "{built.version}"',
            "[[packages.wheels]]",
            f'name = "{built.filename}"',
            f'url = "https://files.invalid/{built.filename}"',
            f'hashes = {{ sha256 = "{built.sha256}" }}',
        ]
    (folder / "pylock.toml").write_text("\n".join(lines))
    return "pylock.toml"


def simulate(folder: Path, *arguments: str) -> CompletedProcess[str]:
    return run(folder, "simulate", "--config", "new.toml", "--data", "data", *arguments)


def told(done: CompletedProcess[str]) -> dict[str, list[dict[str, Any]]]:
    """The changes of each project."""
    return {one["project"]: one["changes"] for one in json.loads(done.stdout)}


def test_what_a_lock_names_would_be_denied(folder: Path, upstream: Upstream) -> None:
    """Each file of the lock that a new rule withholds is told, with the rule; exit code 1."""
    written(folder, upstream, "new.toml", cooldown())
    before = len(upstream.requests())

    done = simulate(folder, "--lock", lock(folder, OLD, OTHER))

    assert done.returncode == 1, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if ".whl" in line}
    assert set(lines) == {OLD.filename, OTHER.filename}
    assert lines[OLD.filename].split()[1:3] == ["listed", "denied"]
    assert "cooldown: it is in cooldown" in lines[OLD.filename]
    assert "2 files of 2 projects are used: 2 would be withheld, 0 newly offered" in done.stdout
    assert "of other files of these projects 1 would be withheld" in done.stdout
    assert len(upstream.requests()) == before


def test_a_project_would_be_denied_by_its_name(folder: Path, upstream: Upstream) -> None:
    """Where a list would deny all of a project, its files are told with that rule."""
    written(folder, upstream, "new.toml", 'kind = "deny"\nwhat = ["si-demo"]\n')

    done = simulate(folder, "--lock", lock(folder, OLD, OTHER))

    assert done.returncode == 1, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if ".whl" in line}
    assert lines[OLD.filename].split()[1:3] == ["listed", "denied"]
    assert "deny: it is on the list: si-demo" in lines[OLD.filename]
    assert OTHER.filename not in lines


def test_what_is_not_used_may_be_withheld(folder: Path, upstream: Upstream) -> None:
    """A policy that leaves alone what is used is one to go with: exit code 0."""
    written(folder, upstream, "new.toml", cooldown("si-demo==1.0"))

    done = simulate(folder, "--lock", lock(folder, OLD), "--json")

    assert done.returncode == 0, done.stderr
    (change,) = told(done)["si-demo"]
    assert (change["filename"], change["used"]) == (NEW.filename, False)
    assert (change["before"], change["after"]) == ("listed", "denied")


def test_hidden_is_withheld(folder: Path, upstream: Upstream) -> None:
    """What no page would offer any more counts, though a lock file could still have it."""
    written(folder, upstream, "new.toml", cooldown(effect=HIDE))

    done = simulate(folder, "--lock", lock(folder, OLD))

    assert done.returncode == 1
    assert f"{OLD.filename}  listed  hidden" in done.stdout


def test_against_the_settings_in_force(folder: Path, upstream: Upstream) -> None:
    """Between two policies the difference is told, in both directions."""
    written(folder, upstream, "old.toml", cooldown("si-demo==1.0"))
    written(folder, upstream, "new.toml", cooldown("si-demo==2.0"))

    done = simulate(folder, "--against", "old.toml", "--lock", lock(folder, OLD, NEW), "--json")

    assert done.returncode == 1
    changes = {each["filename"]: each for each in told(done)["si-demo"]}
    assert [(c["before"], c["after"]) for c in (changes[OLD.filename], changes[NEW.filename])] == [
        ("listed", "denied"),
        ("denied", "listed"),
    ]


def test_requirements(folder: Path, upstream: Upstream) -> None:
    """Of a requirement, what would be installed now is what is used."""
    written(folder, upstream, "new.toml", cooldown("si-demo==1.0"))
    (folder / "requirements.txt").write_text("si-demo<2\n")
    assert simulate(folder, "--requirements", "requirements.txt").returncode == 0

    (folder / "requirements.txt").write_text("si-demo\n")
    done = simulate(folder, "--requirements", "requirements.txt")
    assert done.returncode == 1
    assert f"{NEW.filename}  listed  denied" in done.stdout


def test_what_was_fetched(folder: Path, upstream: Upstream) -> None:
    """By the access journal, what somebody has fetched since a day is what is used."""
    written(folder, upstream, "new.toml", cooldown())
    done = simulate(folder, "--since", "2020-01-01", "--json")
    assert done.returncode == 1
    used = {c["filename"] for changes in told(done).values() for c in changes if c["used"]}
    assert used == {OLD.filename}

    assert simulate(folder, "--since", "2999-01-01").returncode == 0


def test_what_is_not_kept(folder: Path, upstream: Upstream) -> None:
    """What cannot be told without asking is doubt, so exit code 1; --refresh asks."""
    fresh = wheel("si-fresh", "1.0")
    upstream.add(fresh)
    written(folder, upstream, "new.toml")

    done = simulate(folder, "--lock", lock(folder, fresh))
    assert done.returncode == 1
    assert "unknown  si-fresh:" in done.stdout
    assert simulate(folder, "--lock", lock(folder, fresh), "--refresh").returncode == 0


def test_what_is_used_must_be_said(folder: Path, upstream: Upstream) -> None:
    """Without a lock, requirements or a day there is nothing to compare."""
    written(folder, upstream, "new.toml")

    assert "say what is used" in refused(simulate(folder))
    assert "no index 'other'" in refused(
        simulate(folder, "--since", "2020-01-01", "--index", "other")
    )
