"""Writing bundles: interrupted, gone on with, in parts, and by one process at a time."""

from pathlib import Path

import pytest

from cloche.bundles.archive import Archive
from cloche.bundles.writing import Bench
from cloche.core.errors import BadSetting
from tests.bundles.making import ONE, bundle, contents, drain, every, origin, write


def planned(bench: Bench) -> None:
    draft = bench.draft()
    for entry, body in contents(ONE):
        draft.add(entry, body)
    draft.finish(origin(), None, None)


@pytest.mark.parametrize("split", [None, 700])
def test_going_on(tmp_path: Path, split: int | None) -> None:
    """What an interrupted run has written is not written again, and the bytes are the same."""
    bundle(tmp_path / "whole", split=split)
    bench = Bench(tmp_path / "one", split)
    with bench.opened(b"asked"):
        planned(bench)
        assert write(bench, every(ONE), most=2) == 2
    with Bench(tmp_path / "one", split).opened(b"asked"):
        assert bench.planned
        assert write(bench, every(ONE)) == 2
        made = bench.publish()

    parts = [path.name.replace("one", "whole") for path in made]
    assert [path.read_bytes() for path in made] == [(tmp_path / n).read_bytes() for n in parts]
    assert not bench.folder.exists()


def test_what_was_damaged_meanwhile(tmp_path: Path) -> None:
    """What an earlier run wrote is compared: a loss of power may have made other bytes of it."""
    bench = Bench(tmp_path / "one", None)
    with bench.opened(b"asked"):
        planned(bench)
        write(bench, every(ONE), most=3)
        (part,) = bench.output().paths()
        data = bytearray(part.read_bytes())
        data[-200:] = bytes(200)
        part.write_bytes(data + b"more than there was" * 1000)
        write(bench, every(ONE))
        drain(Archive(bench.publish()))


def test_names_at_the_end(tmp_path: Path) -> None:
    """Who is interrupted while parts get their names finds the rest of them."""
    bench = Bench(tmp_path / "one", 2000)
    with bench.opened(b"asked"):
        planned(bench)
        write(bench, every(ONE))
        paths = bench.output().paths()
        (bench.folder / "done").touch()
        paths[-1].rename(tmp_path / f"one.{len(paths):03d}")
    with bench.opened(b"asked"):
        assert bench.written
        assert len(bench.publish()) == len(paths)
    drain(Archive(sorted(tmp_path.glob("one.*"))))


def test_something_else_is_asked(tmp_path: Path) -> None:
    """What was begun for something else is begun anew."""
    bench = Bench(tmp_path / "one", None)
    with bench.opened(b"asked"):
        planned(bench)
    with bench.opened(b"other"):
        assert not bench.planned


def test_one_at_a_time(tmp_path: Path) -> None:
    """A second process is told who is at it; a bundle that is there is not replaced."""
    with Bench(tmp_path / "one", None).opened(b"asked"):
        second = Bench(tmp_path / "one", None).opened(b"asked")
        with pytest.raises(BadSetting, match=r"process \d+ makes"):
            second.__enter__()
    bundle(tmp_path / "two")
    with pytest.raises(BadSetting, match="there already"):
        Bench(tmp_path / "two", None).opened(b"asked").__enter__()
