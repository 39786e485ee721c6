"""What goes to standard error: our own events, and what libraries find worth a warning."""

import asyncio
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloche import logs

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Logging is the process's own: what a test does to it is undone."""
    root, ours = logging.getLogger(), logging.getLogger("cloche")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    for each in handlers:
        root.removeHandler(each)  # a handler that is left there would be closed
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


@pytest.fixture(autouse=True)
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is logged is logged then."""
    at = NOON + timedelta(milliseconds=1)
    monkeypatch.setattr("logging.time.time", at.timestamp)
    monkeypatch.setattr("logging.time.time_ns", lambda: int(at.timestamp() * 1000) * 1_000_000)


def test_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """An event is a line: when, how bad, what, and the facts, quoted where a line would break."""
    logs.configure(as_json=False)
    logs.Log("cloche.x").info("uploaded", filename="acme-1.0.whl", by="a b", new=True, why="x\ny")

    assert capsys.readouterr().err == (
        "2026-11-20T12:00:00.001Z info uploaded filename=acme-1.0.whl by='a b' new=True "
        "why='x\\ny'\n"
    )


def test_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    """For machines an event is an object of the same, in the same form as requests are."""
    logs.configure(as_json=True)
    logs.Log("cloche.x").warning("cannot follow", index="main", again_in=2.5, error=OSError("x"))

    assert json.loads(capsys.readouterr().err) == {
        "at": "2026-11-20T12:00:00.001Z",
        "level": "warning",
        "event": "cannot follow",
        "index": "main",
        "again_in": 2.5,
        "error": "x",
    }


@pytest.mark.parametrize("as_json", [False, True])
def test_libraries_warn_in_the_same_form(
    capsys: pytest.CaptureFixture[str],
    as_json: bool,  # noqa: FBT001 - a table's column
) -> None:
    """What a library warns of looks the same, with its traceback; the rest of it is silent."""
    logs.configure(as_json=as_json)
    theirs = logging.getLogger("theirs")
    theirs.info("nothing much")
    theirs.error("it %s", "broke", exc_info=ZeroDivisionError("x"))

    said = capsys.readouterr().err
    assert "nothing much" not in said
    assert "ZeroDivisionError: x" in said
    if as_json:
        found = json.loads(said)
        assert (found["level"], found["event"]) == ("error", "it broke")
    else:
        assert said.startswith("2026-11-20T12:00:00.001Z error it broke\nZeroDivisionError: x")


def test_a_level(capsys: pytest.CaptureFixture[str]) -> None:
    """A command that tells all itself has only what is worse than a level."""
    logs.configure(as_json=False, level=logging.ERROR)
    log = logs.Log("cloche.x")
    log.info("one")
    log.warning("two")
    log.error("three")

    assert capsys.readouterr().err == "2026-11-20T12:00:00.001Z error three\n"


def test_an_end_on_purpose_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    """What is said of requests that were ended on purpose is left out."""
    logs.configure(as_json=False)
    theirs = logging.getLogger("uvicorn.error")
    theirs.error("Exception in ASGI application", exc_info=asyncio.CancelledError())
    theirs.error("ASGI callable returned without completing response.")

    assert capsys.readouterr().err == ""


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - given theirs
def test_times(at: datetime) -> None:
    """A moment is written in UTC with milliseconds, and read as that moment again."""
    whole = at.replace(microsecond=at.microsecond // 1000 * 1000)
    written = logs.stamp(at.timestamp())

    assert len(written) == len("2026-11-20T12:00:00.001Z")
    assert abs(datetime.fromisoformat(written) - whole) <= timedelta(milliseconds=1)
