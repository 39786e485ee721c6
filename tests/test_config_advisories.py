"""Settings of advisories."""

from pathlib import Path

from tests.config_files import refusal, settings

RULE = """
[index.main]
sources = ["pypi"]
[[index.main.rule]]
kind = "vulnerable"
"""


def test_feeds(tmp_path: Path) -> None:
    """Feeds are as the file says; a path is relative to the file."""
    read = settings(
        tmp_path,
        """
        [advisories.osv]
        address = "https://host.example/all.zip"
        refresh = 60
        [advisories.own]
        address = "own/advisories"
        """,
    ).advisories

    assert {name: (each.address, each.refresh) for name, each in read.items()} == {
        "osv": ("https://host.example/all.zip", 60),
        "own": (str(tmp_path / "own" / "advisories"), 3600),
    }


def test_a_rule_without_feeds(tmp_path: Path) -> None:
    """A rule that could only deny everything is an error that says what it needs."""
    assert "the rule vulnerable of index.main needs advisories" in refusal(tmp_path, RULE)
    settings(tmp_path, f'{RULE}\n[advisories.osv]\naddress = "x"')


def test_wrong_feeds(tmp_path: Path) -> None:
    """A wrong key, a wrong value and an empty address are errors that name the key."""
    said = refusal(tmp_path, '[advisories.osv]\nadress = "x"')
    assert "advisories.osv" in said
    assert "adress" in said
    assert "advisories.osv.address is empty" in refusal(tmp_path, '[advisories.osv]\naddress = ""')
    assert "advisories.osv.refresh" in refusal(
        tmp_path, '[advisories.osv]\naddress = "x"\nrefresh = 0'
    )
