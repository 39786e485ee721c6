"""`cloche bundle` on the far side: what is refused changes nothing, and how that is told."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from cloche.bundles.keys import Signer
from tests.bundles.making import ONE, TWO, bundle, origin
from tests.catalog.samples import HOUR
from tests.cli.program import refused, run

FAR = """\
[upstream.carried]
kind = "bundle"
trust = ["{key}"]

[index.main]
sources = ["carried"]
default = true
"""
Cloche = Callable[..., CompletedProcess[str]]
WHERE = ("--data", "data", "--config", "cloche.toml")


@pytest.fixture
def far(tmp_path: Path) -> Cloche:
    """A far side that trusts a key, and bundles signed with it, one upon the other."""
    signer = Signer.create(tmp_path / "key")
    (tmp_path / "cloche.toml").write_text(FAR.format(key=signer.public))
    one = bundle(tmp_path / "one", signer=signer)
    later = origin(one.header.at + HOUR)
    bundle(tmp_path / "two", {**ONE, **TWO}, ONE, signer=signer, base=one, said=later)
    bundle(tmp_path / "strange", signer=Signer.create(tmp_path / "other"))
    return lambda *words: run(tmp_path, "bundle", *words)


def no(done: CompletedProcess[str]) -> str:
    """The one line that says why a bundle was refused."""
    assert (done.returncode, done.stdout) == (1, ""), done
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_what_is_refused(far: Cloche, tmp_path: Path) -> None:
    """A stranger's, a damaged one, one out of turn: one line, exit code 1, no change."""
    data = bytearray((tmp_path / "one").read_bytes())
    data[-1500] ^= 1
    (tmp_path / "bad").write_bytes(data)

    assert "not trusted here" in no(far("apply", "strange", *WHERE))
    assert "damaged or forged" in no(far("apply", "bad", *WHERE))
    assert "stands on the bundle" in no(far("apply", "two", *WHERE))
    assert "no bundle was applied" in refused(far("mark", *WHERE))
    assert not [path for path in (tmp_path / "data" / "blobs").rglob("*") if path.is_file()]


def test_applied(far: Cloche) -> None:
    """A dry run changes nothing; then one comes upon the other, and the older one not again."""
    tried = far("apply", "one", "--dry-run", "--json", *WHERE)
    assert tried.returncode == 0, tried.stderr
    assert "no bundle was applied" in refused(far("mark", *WHERE))
    done = far("apply", "one", "--json", *WHERE)
    assert done.returncode == 0, done.stderr
    first, second = json.loads(tried.stdout), json.loads(done.stdout)
    assert (first.pop("dry_run"), second.pop("dry_run")) == (True, False)
    assert first == second
    assert (first["changed"], first["files"], first["gone"]) == (2, 4, [])

    assert far("apply", "two", *WHERE).returncode == 0
    assert json.loads(far("mark", *WHERE).stdout)["at"] == "2026-05-04T13:00:00Z"
    assert "back from" in no(far("apply", "one", *WHERE))
    assert far("apply", "one", "--replace", *WHERE).returncode == 0
    assert json.loads(far("mark", *WHERE).stdout)["at"] == "2026-05-04T12:00:00Z"


def test_no_upstream_for_it(far: Cloche) -> None:
    """Without an upstream of that kind there is nowhere to apply to, and what to write is said."""
    assert 'kind = "bundle"' in refused(far("apply", "one", "--data", "data"))
    assert "no public key" in refused(far("verify", "one", "--trust", "me"))
