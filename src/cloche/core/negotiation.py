"""What form and encoding a client wants (RFC 9110, section 12; PEP 691)."""

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache


class Format(StrEnum):
    """The content types in which pages are written; all three cost the same to ask for."""

    JSON = "application/vnd.pypi.simple.v1+json"
    HTML_V1 = "application/vnd.pypi.simple.v1+html"
    HTML = "text/html"


class Encoding(StrEnum):
    ZSTD = "zstd"
    GZIP = "gzip"
    IDENTITY = "identity"


JSON_TYPES = (Format.JSON, "application/vnd.pypi.simple.latest+json", "application/json")

_ASKED: dict[str, Format] = {
    Format.JSON: Format.JSON,
    "application/vnd.pypi.simple.latest+json": Format.JSON,
    Format.HTML_V1: Format.HTML_V1,
    "application/vnd.pypi.simple.latest+html": Format.HTML_V1,
    Format.HTML: Format.HTML,
}


MAX_HEADER = 2000  # characters of a header that are read: what is kept of them is bounded so


def page_format(accept: str, wish: str = "") -> Format:
    """Choose by `?format=` if it names one, then by Accept; text/html when nothing matches.

    That last is PyPI's choice too, where PEP 691 would allow 406: clients that send no useful
    Accept, or `*/*`, read HTML.
    """
    return _ASKED[wish] if wish in _ASKED else _page_format(accept[:MAX_HEADER])


@lru_cache(maxsize=1024)
def _page_format(accept: str) -> Format:
    weights = _weights(accept)
    wishes = {form: _wish(form, weights) for form in Format}
    best = max(wishes.values())
    if best[0] == 0 or (best[1] == 0 and wishes[Format.HTML] == best):
        return Format.HTML
    return next(form for form, wish in wishes.items() if wish == best)  # of equals: JSON


def _wish(form: Format, weights: dict[str, float]) -> tuple[float, int]:
    """How much a form is wanted, and how precisely it was named (RFC 9110, section 12.5.1)."""
    named = [weights[name] for name, asked in _ASKED.items() if asked is form and name in weights]
    if named:
        return max(named), 2
    of_kind = f"{form.partition('/')[0]}/*"
    return (weights[of_kind], 1) if of_kind in weights else (weights.get("*/*", 0.0), 0)


def page_encoding(
    accept_encoding: str, offered: tuple[Encoding, ...] = (Encoding.ZSTD, Encoding.GZIP)
) -> Encoding:
    """The smallest encoding that the client takes, by its own weights first."""
    return _page_encoding(accept_encoding[:MAX_HEADER], offered)


@lru_cache(maxsize=1024)
def _page_encoding(accept_encoding: str, offered: tuple[Encoding, ...]) -> Encoding:
    weights = _weights(accept_encoding)
    offers = {e: weights.get(e, weights.get("*", 0)) for e in offered}
    best = max(offers, key=offers.__getitem__)
    wanted = offers[best] > 0 and offers[best] >= weights.get(Encoding.IDENTITY, 0)
    return best if wanted else Encoding.IDENTITY


def wants_html(accept: str) -> bool:
    """Whether it is a person's browser that asks: a client's last resort does not count."""
    weights = _weights(accept[:MAX_HEADER])
    return weights.get("text/html", 0) > max(0.5, _best(weights, ("application/json",)))


def accepts(accept: str, offers: Sequence[str]) -> bool:
    """Whether a header lets any of these types pass; no header lets all."""
    weights = _weights(accept[:MAX_HEADER])
    kinds = {f"{offer.partition('/')[0]}/*" for offer in offers}
    return not accept.strip() or _best(weights, (*offers, *kinds, "*/*")) > 0


def _best(weights: dict[str, float], names: Sequence[str]) -> float:
    return max((weights.get(name, 0) for name in names), default=0)


def _weights(header: str) -> dict[str, float]:
    """Weigh what a header lists. A weight that is no number counts as none at all."""
    found: dict[str, float] = {}
    for item in header.lower().split(",")[:100]:
        name, *parameters = (part.strip() for part in item.split(";"))
        found.setdefault(name, _quality(parameters))
    return found


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return min(max(0.0, float(parameter[2:])), 1.0)  # in this order NaN is 0 too
            except ValueError:
                return 0.0
    return 1.0
