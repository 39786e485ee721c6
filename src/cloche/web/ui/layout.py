"""Templates, the style and the script that each page carries, and the policy that names them."""

from base64 import b64encode
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = Path(__file__).parent
_STYLE = (_HERE / "style.css").read_text("utf-8")
_SCRIPT = (_HERE / "copy.js").read_text("utf-8")
_UNITS = ("B", "kB", "MB", "GB", "TB")
_NEXT_UNIT = 999.5  # what would be written as 1000
_NO_TENTHS = 99.95  # what would be written as 100.0


def _named(text: str) -> str:
    """How a policy names an inline text (Content Security Policy, 2.3.1)."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src {_named(_STYLE)}; script-src {_named(_SCRIPT)}; "
    "img-src https: data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""What the response with any of these pages must say: this style, this script, no others."""


def render(template: str, **context: object) -> str:
    """Fill in a template. What is put in is escaped, unless the template says `safe`."""
    return _environment().get_template(template).render(context)


def human_size(size: int) -> str:
    """Bytes in decimal units, to two or three digits."""
    amount, units = float(size), iter(_UNITS)
    unit = next(units)
    while amount >= _NEXT_UNIT and unit != _UNITS[-1]:
        amount, unit = amount / 1000, next(units)
    exact = unit == _UNITS[0] or amount >= _NO_TENTHS
    return f"{amount:.0f} {unit}" if exact else f"{amount:.1f} {unit}"


def day(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d}"


def minute(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


@cache
def _environment() -> "Environment":
    # 50 ms that starting the server need not take.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - see above

    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"human_size": human_size, "day": day, "minute": minute}
    made.globals |= {"style": _STYLE, "script": _SCRIPT}
    return made
