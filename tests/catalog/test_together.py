"""Writes that share a transaction: all are written, and a bad one fails alone."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from cloche import catalog
from cloche.catalog import Catalog
from cloche.catalog.together import MANY, MOST, Together
from cloche.core.errors import StorageDown

pytestmark = pytest.mark.anyio

BAD, MAD = 13, 14


class Writer:
    """Doubles numbers, and notes down what came in one transaction. It cannot take BAD, nor MAD."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def __call__(self, batch: Sequence[int]) -> list[int]:
        if MAD in batch:
            raise ZeroDivisionError
        if BAD in batch:
            raise StorageDown("this number cannot be written; choose another")
        self.batches.append([*batch])
        return [2 * number for number in batch]


@pytest.fixture
def stored(tmp_path: Path) -> Catalog:
    return catalog.connect(f"sqlite:///{tmp_path / 'catalog.db'}")


async def test_all_are_written_in_few_transactions(stored: Catalog) -> None:
    """Whoever waits is written with the next, once, and gets a result of its own."""
    writer = Writer()
    together = Together(stored.database, writer)

    results = await asyncio.gather(*(together(number) for number in range(100, 450)))

    assert results == [2 * number for number in range(100, 450)]
    assert sorted(number for batch in writer.batches for number in batch) == [*range(100, 450)]
    assert len(writer.batches) < 10
    assert max(map(len, writer.batches)) <= MOST
    await stored.close()


async def test_a_bad_one_fails_alone(stored: Catalog) -> None:
    """Those who were to be written with it are written without it."""
    together = Together(stored.database, Writer())
    numbers = [1, 2, BAD, 3, 4]

    results = await asyncio.gather(*map(together, numbers), return_exceptions=True)

    assert [result for result in results if isinstance(result, int)] == [2, 4, 6, 8]
    assert isinstance(results[2], StorageDown)
    await stored.close()


async def test_a_bug_leaves_nobody_waiting(stored: Catalog) -> None:
    """What nobody thought of fails alone too, whoever was to be written with it."""
    together = Together(stored.database, Writer())

    results = await asyncio.gather(*map(together, [10, MAD, 11]), return_exceptions=True)

    assert [results[0], results[2]] == [20, 22]
    assert isinstance(results[1], ZeroDivisionError)
    assert await together(15) == 30
    await stored.close()


async def test_one_that_is_cancelled_keeps_nobody_waiting(stored: Catalog) -> None:
    """Who gives up, with or without the turn, leaves the others to be written."""
    together = Together(stored.database, Writer())
    tasks = [asyncio.ensure_future(together(number)) for number in range(20, 40)]
    await asyncio.sleep(0)
    for task in tasks[:10:3]:
        task.cancel()

    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [r for r in results if isinstance(r, int)] == [
        2 * n for n in range(20, 40) if n not in range(20, 30, 3)
    ]
    await stored.close()


async def test_nobody_is_written_sooner_than_is_worth_a_transaction(stored: Catalog) -> None:
    """Where nobody is in a hurry, what comes within the pause is written together."""
    writer = Writer()
    together = Together(stored.database, writer, pause=0.05)
    first = [*range(100, 100 + MANY)]
    await asyncio.gather(*map(together, first))

    assert await asyncio.gather(*map(together, range(200, 250))) == [*range(400, 500, 2)]
    assert writer.batches == [first, [*range(200, 250)]]
    await stored.close()


async def test_one_by_one_waits_for_nothing(stored: Catalog) -> None:
    """Who comes alone, or with few, is written at once, pause or not."""
    writer = Writer()
    together = Together(stored.database, writer, pause=3600)

    assert [await together(number) for number in range(100, 110)] == [*range(200, 220, 2)]
    await stored.close()
