"""Structured logs on standard error: a readable line, or JSON, for each event."""

import logging
import sys
from asyncio import CancelledError
from typing import Any

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger

_CUT_OFF = "ASGI callable returned without completing response."


def configure(*, as_json: bool, level: int = logging.INFO) -> None:
    """Send our own events of that level and above, and libraries' warnings, to standard error."""
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper("iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
    ]
    renderer = _json if as_json else _line
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    handler.addFilter(_worth_telling)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def _worth_telling(record: logging.LogRecord) -> bool:
    """Leave out what uvicorn says of what was ended on purpose.

    A request that is cancelled, because Ctrl-C ends the time for it, would fill a screen.
    """
    words = record.getMessage()
    error = record.exc_info[1] if record.exc_info else None
    was_cancelled = isinstance(error, CancelledError) or (
        words.startswith("Traceback") and CancelledError.__name__ in words
    )
    return not was_cancelled and words != _CUT_OFF


def _json(_: WrappedLogger, __: str, event: EventDict) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()


def _line(_: WrappedLogger, __: str, event: EventDict) -> str:
    at, level, what = event.pop("at", ""), event.pop("level", ""), event.pop("event", "")
    trace = event.pop("exception", None)
    facts = " ".join(f"{key}={_plain(value)}" for key, value in event.items())
    return f"{at} {level} {what} {facts}".rstrip() + (f"\n{trace}" if trace else "")


def _plain(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and " " not in text else repr(text)
