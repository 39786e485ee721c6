"""Which upstreams are asked what a project requires, and for how long in vain."""

from dataclasses import dataclass

import pytest

from cloche.core.errors import UpstreamDown
from cloche.core.model import ProjectName
from cloche.service.foresight import SILENCES, Foresight

pytestmark = pytest.mark.anyio

DEMO = ProjectName("demo")


@dataclass
class Teller:
    """Says what it is told to say."""

    said: list[str] | Exception | None = None

    async def requires_dist(self, project: ProjectName) -> list[str] | None:
        assert project == DEMO
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


async def ask_in_vain(foresight: Foresight, times: int) -> None:
    for _ in range(times):
        assert foresight.may("pypi")
        assert await foresight.requirements("pypi", DEMO) is None


async def test_what_is_said_is_passed_on() -> None:
    """An upstream that speaks is worth every question."""
    foresight = Foresight({"pypi": Teller(["other"])})
    for _ in range(2 * SILENCES):
        assert foresight.may("pypi")
        assert await foresight.requirements("pypi", DEMO) == ["other"]


async def test_an_upstream_that_cannot_say_it_is_never_asked() -> None:
    """A directory, or a page of links, has no such documents."""
    assert not Foresight({}).may("links")


async def test_a_silent_upstream_is_left_alone() -> None:
    """Who never says what a project requires is asked a few times only."""
    foresight = Foresight({"pypi": Teller()})
    await ask_in_vain(foresight, SILENCES)
    assert not foresight.may("pypi")


async def test_a_word_in_between_is_enough() -> None:
    """Projects that are not there say nothing of an upstream that spoke of another."""
    teller = Teller()
    foresight = Foresight({"pypi": teller})
    await ask_in_vain(foresight, SILENCES - 1)
    teller.said = []
    assert await foresight.requirements("pypi", DEMO) == []
    teller.said = None
    await ask_in_vain(foresight, SILENCES - 1)
    assert foresight.may("pypi")


async def test_failures_are_silence() -> None:
    """An upstream that is down is not asked for guesses."""
    foresight = Foresight({"pypi": Teller(UpstreamDown("gone"))})
    for _ in range(SILENCES):
        with pytest.raises(UpstreamDown):
            await foresight.requirements("pypi", DEMO)
    assert not foresight.may("pypi")


async def test_silence_is_not_for_ever() -> None:
    """After a pause it is asked again."""
    foresight = Foresight({"pypi": Teller()}, pause=0)
    await ask_in_vain(foresight, 2 * SILENCES)
