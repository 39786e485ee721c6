"""What may be set of an upstream of any kind."""

from typing import Literal

from msgspec import Struct


class Freshness(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long answers hold, in seconds."""

    default: float = 600  # when the upstream does not say: what PyPI says
    most: float = 24 * 3600
    absent: float = 60
    patience: float = 0.5  # a moment: how long a client waits for news of a page that is kept
    after_failure: float = 5


class Policy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[upstream.NAME.recall]`."""

    deleted: Literal["keep", "hide", "deny"] = "hide"
