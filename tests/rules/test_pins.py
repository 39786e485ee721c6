"""`pins`: only the files whose hashes a lock names."""

import hashlib
from pathlib import Path

import pytest

from cloche.core.errors import BadSetting
from cloche.core.model import File, ProjectName
from tests.rules.samples import LOCK, NOW, clause, objected, offer

A, B = "a" * 64, "b" * 64
PINNED = File(filename="demo-1.0.tar.gz", hashes={"sha256": A})
OTHER = File(filename="demo-1.0-py3-none-any.whl", hashes={"sha256": B})
BARE = File(filename="demo-1.0.zip")


def test_a_file_without_a_pinned_hash_is_withheld() -> None:
    """Of a locked project nothing is shown but what the lock names by its hash."""
    found = objected(clause("pins", files=[LOCK]), PINNED, OTHER, BARE)

    assert found == dict.fromkeys([OTHER.filename, BARE.filename], "no lock names its hash")


def test_the_name_alone_proves_nothing() -> None:
    """Other bytes under a locked filename are withheld."""
    forged = File(filename=PINNED.filename, hashes={"sha256": B})

    assert set(objected(clause("pins", files=[LOCK]), forged)) == {PINNED.filename}


def test_any_algorithm_that_both_have(tmp_path: Path) -> None:
    """A page without sha256 is held against the hash that it does list, and all must fit."""
    blake, sha512 = hashlib.blake2s(b"x").hexdigest(), hashlib.sha512(b"x").hexdigest()
    (tmp_path / "pylock.toml").write_text(
        'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "demo"\nversion = "1.0"\n'
        '[packages.sdist]\nname = "demo-1.0.tar.gz"\npath = "demo-1.0.tar.gz"\n'
        f'hashes = {{ blake2s = "{blake}", sha512 = "{sha512}" }}\n'
    )
    rule = clause("pins", tmp_path, files=["pylock.toml"])

    def shown(**hashes: str) -> bool:
        return not objected(rule, File(filename="demo-1.0.tar.gz", hashes=hashes))

    assert shown(blake2s=blake)
    assert shown(sha512=sha512, sha256=A)
    assert not shown(sha256=A)
    assert not shown(blake2s=blake, sha512="0" * 128)


def test_other_projects(tmp_path: Path) -> None:
    """A project that no lock names is let be or, with `strict`, withheld and known by its name."""
    salt = ProjectName("salt")
    files = offer(File(filename="salt-1.0.tar.gz", hashes={"sha256": A}), project=salt)
    mild, strict = (clause("pins", tmp_path, files=[LOCK], strict=each) for each in (False, True))

    assert list(mild.judge(files, NOW)) == []
    assert [said.reason for _, said in strict.judge(files, NOW)] == ["no lock names its project"]
    assert mild.shuts(salt, NOW, hosted=False) is None
    assert strict.shuts(salt, NOW, hosted=False)


def test_what_is_locked_from_elsewhere() -> None:
    """Of a project that is locked from a repository no index's file is meant."""
    pepper = offer(File(filename="pepper-2.0.tar.gz"), project=ProjectName("pepper"))

    assert len(list(clause("pins", files=[LOCK]).judge(pepper, NOW))) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"salt --hash=sha256:{A}\ndemo==1.0\n", "'demo==1.0' has no hashes; lock again"),
        ("# nothing\n", "name no project"),
        ("-e .\n", "name no project"),
    ],
)
def test_what_pins_nothing_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """A list without hashes would leave a project open, so the server does not start with it."""
    (tmp_path / "requirements.txt").write_text(text)

    with pytest.raises(BadSetting, match=said):
        clause("pins", tmp_path, files=["requirements.txt"])


def test_requirements_with_hashes(tmp_path: Path) -> None:
    """A requirements file with hashes is a lock."""
    (tmp_path / "requirements.txt").write_text(
        f"demo==1.0 --hash=sha256:{B} \\\n  --hash=sha256:{A}\n"
    )

    found = objected(clause("pins", tmp_path, files=["requirements.txt"]), PINNED, OTHER, BARE)

    assert set(found) == {BARE.filename}
