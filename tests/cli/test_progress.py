"""How long work is told."""

import json
from collections.abc import Iterator

import pytest

from cloche.cli._progress import EVERY, Amount, AsJson, AsLines, Event, counted, reporting


class Verified(Event, frozen=True, tag="verified"):
    filename: str

    @property
    def sentence(self) -> str:
        return f"verified  {self.filename}"


class Counted(Event, frozen=True, tag="counted"):
    rows: int


def ticking(*times: float) -> Iterator[float]:
    yield from times


def test_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no terminal, what people want to know is a line, whatever it is made of."""
    with reporting(as_json=False) as report:
        report.tell(Verified("a\x1b[2J.whl"))
        report.tell(Counted(3))

    assert capsys.readouterr().out == "verified  a [2J.whl\n"


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """For programs every event is an object on a line of its own."""
    with reporting(as_json=True) as report:
        report.tell(Verified("a.whl"))
        report.tell(Counted(3))

    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"event": "verified", "filename": "a.whl"},
        {"event": "counted", "rows": 3},
    ]


def test_how_far_it_is_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Each ten seconds a line says how much is done, and of how much."""
    times = ticking(0.0, 1.0, EVERY, EVERY)
    report = AsLines(clock=lambda: next(times))
    report.expect(Amount(projects=2, files=4000, size=3_000_000))
    report.done(Amount(files=1, size=1000))
    report.done(Amount(projects=1, files=1999, size=1_499_000))

    assert capsys.readouterr().out == "1 of 2 projects, 2,000 of 4,000 files, 1.5 MB\n"


def test_how_far_it_is_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Programs are told the same in numbers."""
    times = ticking(0.0, EVERY, EVERY)
    report = AsJson(clock=lambda: next(times))
    report.expect(Amount(files=4))
    report.done(Amount(files=1, size=10))

    assert json.loads(capsys.readouterr().out) == {
        "event": "progress",
        "done": {"projects": 0, "files": 1, "size": 10},
        "of": {"projects": 0, "files": 4, "size": 0},
    }


def test_nothing_is_expected() -> None:
    """Before it is known how much there is to do, it says that it is looking."""
    assert counted(Amount(), Amount()) == "looking"
