"""The pages that show what clients were seen to do, written anew."""

from collections.abc import Mapping

from tests.clients.matrix.page import PAGE
from tests.clients.matrix.tables import TABLES


def write(seen: Mapping[str, Mapping[tuple[str, str], str]]) -> None:
    """Write what was seen, by part of a page, and by row and column of that part."""
    text = PAGE.read_text()
    for table in TABLES:
        text = table.put(text, seen.get(table.name, {}))
    PAGE.write_text(text)
