"""Settings written to a file, and read."""

from pathlib import Path
from typing import Any

import pytest

from cloche.config import Settings, load
from cloche.core.errors import BadSetting


def settings(
    tmp_path: Path,
    text: str = "",
    variables: dict[str, str] | None = None,
    flags: dict[str, Any] | None = None,
) -> Settings:
    file = tmp_path / "cloche.toml"
    file.write_text(text)
    return load(file, None, flags, variables or {})


def refusal(tmp_path: Path, text: str, variables: dict[str, str] | None = None) -> str:
    """What is said of wrong settings: one line."""
    with pytest.raises(BadSetting) as caught:
        settings(tmp_path, text, variables)
    said = str(caught.value)
    assert "\n" not in said
    return said


COOLED = """
[upstream.pypi]
url = "{url}"

[index.main]
sources = ["pypi"]

[[index.main.rule]]
kind = "cooldown"
days = 7
"""
"""One index with a week's cooldown, over the upstream at `url`."""
