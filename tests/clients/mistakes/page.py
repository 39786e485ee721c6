"""The texts in docs/reference/errors.md: read, and written anew."""

import re
from collections.abc import Mapping

from tests.clients.client import ROOT

PAGE = ROOT / "docs" / "reference" / "errors.md"
NAME = "errors"

_SECTION = re.compile(r"^## (?P<heading>[^\n]+)\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(
    r"^```text (?P<title>[^\n]+)\n\$ [^\n]+\n(?P<said>.*?)^```$", re.MULTILINE | re.DOTALL
)


def texts(page: str) -> dict[tuple[str, str], str]:
    """Return what each client says, by heading and title."""
    return {
        (section["heading"], block["title"]): block["said"]
        for section in _SECTION.finditer(page)
        for block in _BLOCK.finditer(section[0])
    }


def put(page: str, said: Mapping[tuple[str, str], str]) -> str:
    """Return the page with these texts, in the blocks that it has for them."""

    def anew(section: re.Match[str]) -> str:
        def block(old: re.Match[str]) -> str:
            new = said.get((section["heading"], old["title"]), old["said"])
            return old[0].replace(old["said"], new) if old["said"] else _filled(old[0], new)

        return _BLOCK.sub(block, section[0])

    return _SECTION.sub(anew, page)


def _filled(block: str, said: str) -> str:
    return f"{block.removesuffix('```')}{said}```"
