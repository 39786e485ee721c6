"""What is kept of files on their way for those who follow close behind."""

from collections.abc import Callable

from cloche.service.parts import MOST, PART, Parts

DATA = bytes(range(256)) * (3 * PART // 256)


class Source:
    """Counts how often it is read."""

    def __init__(self, data: bytes = DATA) -> None:
        self.data = data
        self.times = 0

    def read(self, start: int, most: int) -> bytes:
        self.times += 1
        return self.data[start : start + most]


def through(parts: Parts, whose: object, read: Callable[[int, int], bytes], stop: int) -> bytes:
    """All of it, as a client takes it."""
    came = bytearray()
    while len(came) < stop and (part := parts.get(whose, len(came), stop, read)):
        came += part
    return bytes(came)


def test_who_follows_has_the_same_bytes_unread() -> None:
    """Any number of clients cost one reading of the file."""
    parts, source = Parts(), Source()
    for _ in range(5):
        assert through(parts, "one", source.read, len(DATA)) == DATA
    assert source.times == 3


def test_files_are_told_apart() -> None:
    """Nobody gets bytes of another file."""
    parts, other = Parts(), Source(DATA[::-1])
    assert through(parts, "one", Source().read, len(DATA)) == DATA
    assert through(parts, "two", other.read, len(DATA)) == other.data


def test_clients_that_are_at_odds_come_together() -> None:
    """Who has taken what there was of a part goes on at the next one, like everybody else."""
    parts, source = Parts(), Source()
    assert len(parts.get("one", 0, 100, source.read)) == 100
    assert len(parts.get("one", 100, len(DATA), source.read)) == PART - 100


def test_what_is_not_all_there_is_not_kept() -> None:
    """A file that another process has not written yet, or has taken away, is looked at again."""
    parts, source = Parts(), Source(DATA[:10])
    assert parts.get("one", 0, 20, source.read) == DATA[:10]
    source.data = DATA
    assert parts.get("one", 0, 20, source.read) == DATA[:20]


def test_there_is_a_bound_for_all_files_together() -> None:
    """The oldest part makes room for the newest."""
    parts, source = Parts(), Source()
    for whose in range(MOST + 1):
        parts.get(whose, 0, PART, source.read)
    read = source.times
    parts.get(MOST, 0, PART, source.read)
    assert source.times == read
    parts.get(0, 0, PART, source.read)
    assert source.times == read + 1


def test_a_file_that_is_through_leaves_nothing() -> None:
    """Its bytes are forgotten, and no other's."""
    parts, source = Parts(), Source()
    parts.get("one", 0, PART, source.read)
    parts.get("two", 0, PART, source.read)
    parts.forget("one")
    parts.get("two", 0, PART, source.read)
    assert source.times == 2
    parts.get("one", 0, PART, source.read)
    assert source.times == 3
