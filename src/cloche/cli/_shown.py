"""What is shown, and how."""

import re

USER = re.compile(r"//([^/?#]*)@")


def public(url: str) -> str:
    """An address without what it may hold of secrets: user, password, query."""
    return USER.sub("//***@", url.partition("?")[0]) if "://" in url else url


def table(rows: list[list[str]]) -> list[str]:
    """Lines with aligned columns, however wide: a pipe has no edge to wrap at."""
    shown = [[cell if cell.isprintable() else repr(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    ]
