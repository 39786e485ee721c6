"""RSS 2.0, as PyPI's feeds have it: what is new, the newest first."""

from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape

from msgspec import Struct


class Item(Struct, frozen=True, kw_only=True):
    title: str
    link: str
    about: str
    at: datetime | None


class Channel(Struct, frozen=True, kw_only=True):
    title: str
    link: str
    about: str
    items: tuple[Item, ...]


def render(channel: Channel) -> bytes:
    """Write the feed. What is in it has been taken care of: names, versions, summaries."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0">\n<channel>\n'
        f"{_elements(channel.title, channel.link, channel.about)}"
        f"<language>en</language>\n{''.join(map(_item, channel.items))}</channel>\n</rss>\n"
    ).encode()


def _item(item: Item) -> str:
    at = f"<pubDate>{_date(item.at)}</pubDate>\n" if item.at else ""
    return (
        f"<item>\n{_elements(item.title, item.link, item.about)}"
        f'<guid isPermaLink="false">{_text(f"{item.link} {item.title}")}</guid>\n{at}</item>\n'
    )


def _elements(title: str, link: str, about: str) -> str:
    return (
        f"<title>{_text(title)}</title>\n<link>{_text(link)}</link>\n"
        f"<description>{_text(about)}</description>\n"
    )


def _text(value: str) -> str:
    return escape("".join(_printable(value)), quote=False)


def _printable(value: str) -> Iterable[str]:
    """Without control characters and surrogates: XML has no way to write them."""
    return (c if c.isprintable() else " " for c in value)


def _date(when: datetime) -> str:
    return format_datetime(when.astimezone(UTC), usegmt=True)
