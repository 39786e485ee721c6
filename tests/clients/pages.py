"""The pages that show what clients and the server were seen to do, written anew."""

from collections.abc import Mapping

from tests.clients.matrix import page
from tests.clients.matrix.tables import TABLES
from tests.clients.mistakes import page as errors
from tests.decisions import page as decisions


def write(seen: Mapping[str, Mapping[tuple[str, str], str]]) -> None:
    """Write what was seen, by part of a page, and by row and column of that part."""
    text = page.PAGE.read_text()
    for table in TABLES:
        text = table.put(text, seen.get(table.name, {}))
    page.PAGE.write_text(text)
    text = errors.PAGE.read_text()
    errors.PAGE.write_text(errors.put(text, seen.get(errors.NAME, {})))
    text = decisions.PAGE.read_text()
    decisions.PAGE.write_text(decisions.put(text, seen))
