"""Logs on standard error: a readable line, or JSON, for each event.

The standard library's logging beneath: it is imported anyhow, and no start waits for more.
"""

import logging
import os
import sys
from asyncio import CancelledError
from collections.abc import Callable
from functools import lru_cache
from time import gmtime, strftime

import msgspec

_OURS = "cloche"
_FACTS = "facts"
_CUT_OFF = "ASGI callable returned without completing response."


class Log:
    """The events of one module: what happened, in a few fixed words, and the facts beside."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def info(self, event: str, **facts: object) -> None:
        self._tell(logging.INFO, event, facts)

    def warning(self, event: str, **facts: object) -> None:
        self._tell(logging.WARNING, event, facts)

    def error(self, event: str, **facts: object) -> None:
        self._tell(logging.ERROR, event, facts)

    def _tell(self, level: int, event: str, facts: dict[str, object]) -> None:
        """As `Logger.log`, without looking up the line of code, which no line tells."""
        logger = self._logger
        if logger.isEnabledFor(level):
            more = {_FACTS: facts}
            logger.handle(logger.makeRecord(logger.name, level, "", 0, event, (), None, extra=more))


def configure(*, as_json: bool, level: int = logging.INFO) -> None:
    """Send our own events of that level and above, and libraries' warnings, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Form(_json if as_json else _line))
    handler.addFilter(_worth_telling)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger(_OURS).setLevel(level)


def let_go() -> None:
    """Throw away what standard output and error have not taken, as their disk is full.

    Else Python, which tries once more at its end, would end with status 120.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def stamp(at: float) -> str:
    """Seconds since 1970 as RFC 3339 has it: UTC, milliseconds."""
    return _stamp(int(at * 1000))


@lru_cache(maxsize=64)  # what is logged comes in bursts
def _stamp(at: int) -> str:
    second, ms = divmod(at, 1000)
    return f"{_second(second)}.{ms:03}Z"


@lru_cache(maxsize=16)
def _second(second: int) -> str:
    return strftime("%Y-%m-%dT%H:%M:%S", gmtime(second))


class _Form(logging.Formatter):
    def __init__(self, write: Callable[[dict[str, object]], str]) -> None:
        super().__init__()
        self._write = write

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, object] = {
            "at": stamp(record.created),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, _FACTS, {}),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return self._write(event)


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


def _json(event: dict[str, object]) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()


def _line(event: dict[str, object]) -> str:
    trace = event.pop("exception", None)
    said = [str(event.pop(key)) for key in ("at", "level", "event")]
    facts = [f"{key}={_plain(value)}" for key, value in event.items()]
    return " ".join([*said, *facts]) + (f"\n{trace}" if trace else "")


def _plain(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and " " not in text else repr(text)
