"""What use cases do, counted for `/-/metrics`: only a server needs the library that counts."""

from prometheus_client import Counter, Gauge

from cloche.ports import Pursuit

GUESSES = Counter("cloche_prefetch", "Guesses followed up", ["kind"])
BEHIND = Gauge(
    "cloche_following_behind",
    "Entries of the primary's journal that are still to be done, at most",
    ["index"],
    multiprocess_mode="mostrecent",
)
LEVEL = Gauge(
    "cloche_following_level_timestamp_seconds",
    "All that the primary acknowledged before is here",
    ["index"],
    multiprocess_mode="mostrecent",
)


def guessed(kind: str) -> None:
    """A guess is followed up."""
    GUESSES.labels(kind).inc()


def followed(pursuit: Pursuit) -> None:
    """So far it is with an index that follows."""
    BEHIND.labels(pursuit.index).set(pursuit.behind)
    if pursuit.level_at is not None:
        LEVEL.labels(pursuit.index).set(pursuit.level_at.timestamp())
