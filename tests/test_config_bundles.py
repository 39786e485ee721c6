"""What the settings say of upstreams that bundles fill."""

from pathlib import Path

from tests.config_files import refusal, settings

FAR = """\
[upstream.carried]
kind = "bundle"
trust = ["ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]

[index.main]
sources = ["carried"]
default = true
"""


def test_what_bundles_brought_stays(tmp_path: Path) -> None:
    """The cache's limit takes nothing of it: nobody could fetch it again."""
    found = settings(tmp_path, FAR)

    assert found.spared == {"carried"}
    assert found.upstreams["carried"].own.trust == (
        "ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    )


def test_a_key_that_there_is_not(tmp_path: Path) -> None:
    """An address is not asked for, and not taken: nothing is ever asked there."""
    assert "url" in refusal(tmp_path, FAR.replace("trust =", "url ="))
