"""PyPI's address, which is written out nowhere here."""

from urllib.parse import urljoin


def simple() -> str:
    """The URL of PyPI's simple index."""
    from distlib.index import DEFAULT_INDEX  # noqa: PLC0415  # 30 ms, for those who draw on PyPI

    return urljoin(f"{DEFAULT_INDEX}/", "../simple/")
