"""The scripted upstream is what it says it is: PyPI's APIs, of one world and its history."""

import json
import xmlrpc.client
from typing import Any

import pytest

from tests.clients.client import Client
from tests.mirror import history
from tests.mirror.answering import FLAVOURS, Flavour
from tests.mirror.bandersnatch import Bandersnatch
from tests.mirror.scripted import Upstream
from tests.mirror.world import Expected
from tests.upstream.answers import JSON
from tests.upstream.fetching import Fetched, fetch

FEW = history.FEWEST


WITHOUT_THE_BAD = f"""
[plugins]
enabled =
    blocklist_project
[blocklist]
packages =
    {history.FAILING}
    {history.SPOILED}
"""
"""A project that fails would keep bandersnatch from all that comes later."""


def names(expected: Expected) -> dict[str, set[str]]:
    """The files of each project, but of the bad."""
    return {name: set(files) for name, files in expected.items() if name != history.SPOILED}


def asked(upstream: Upstream, project: str = "", flavour: Flavour = "json") -> Fetched:
    return fetch(f"{upstream.simple(flavour)}{project and project + '/'}", {"Accept": JSON})


def serials(upstream: Upstream) -> dict[str, int]:
    """What the list of projects says of each."""
    projects: list[dict[str, Any]] = json.loads(asked(upstream).body)["projects"]
    return {each["name"]: each["_last-serial"] for each in projects}


def test_both_sides_play_the_same_history(scripted: Upstream) -> None:
    """Each step changes what a mirror can see, and the list is that of the tests' own world."""
    scripted.found(FEW)
    before: object = None
    for step in ("", *history.STEPS):
        if step:
            scripted.play(step)
        world = scripted.world
        now = (scripted.expected(), world.listed(), dict(world.late))
        assert now != before, step
        assert serials(scripted) == world.listed()[0]
        before = now


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_page_that_has_not_changed_is_304(scripted: Upstream, flavour: Flavour) -> None:
    """The list and the pages have validators, in each flavour, until a step moves them."""
    scripted.found(FEW)
    urls = [scripted.simple(flavour), f"{scripted.simple(flavour)}{next(history.some('publish'))}/"]
    tags = [fetch(url, {"Accept": JSON}).headers["etag"] for url in urls]

    def statuses() -> list[int]:
        conditions = [{"Accept": JSON, "If-None-Match": tag} for tag in tags]
        return [fetch(url, sent).status for url, sent in zip(urls, conditions, strict=True)]

    assert statuses() == [304, 304]
    scripted.play("publish")
    assert statuses() == [200, 200]


def test_the_flavours_tell_serials_each_in_its_way(scripted: Upstream) -> None:
    """JSON tells them in the list, XML-RPC when it is called, and the plain one nowhere."""
    scripted.found(FEW)
    scripted.play("publish")
    since = history.founded(FEW).serial
    changed = {*history.some("publish")} | {f"new-{n}" for n in range(history.EACH)}

    with xmlrpc.client.ServerProxy(f"{scripted.master('xmlrpc')}/pypi") as proxy:
        lines: Any = proxy.changelog_since_serial(since)
        assert proxy.list_packages_with_serial() == serials(scripted)
        assert proxy.changelog_last_serial() == scripted.world.serial
    assert {line[0] for line in lines} == changed
    assert "x-pypi-last-serial" in asked(scripted, flavour="xmlrpc").headers
    assert "x-pypi-last-serial" not in asked(scripted, flavour="plain").headers
    assert fetch(f"{scripted.master('plain')}/pypi", method="POST").status == 404


def test_what_is_late_is_older_than_its_listed_serial(scripted: Upstream) -> None:
    """A page out of a late cache says the serial that it had, which the list has left behind."""
    scripted.found(FEW)
    scripted.play("late pages")
    project = next(history.some("late pages"))

    said = asked(scripted, project)

    assert int(said.headers["x-pypi-last-serial"]) < serials(scripted)[project]
    assert len(json.loads(said.body)["files"]) == len(scripted.expected()[project]) - 1


def test_a_jump_back_leaves_serials_that_are_lower(scripted: Upstream) -> None:
    """After the jump the newest serial of all is lower than it was, though projects changed."""
    scripted.found(FEW)
    before = serials(scripted)
    scripted.play("jump back")
    after = serials(scripted)
    project = next(history.some("jump back"))

    assert after[project] < before[project]
    assert json.loads(asked(scripted).body)["meta"]["_last-serial"] < max(before.values())


@pytest.mark.clients
def test_a_real_bandersnatch_mirrors_it(scripted: Upstream, bandersnatch: Client) -> None:
    """One takes it for PyPI: it gets all but what cannot be had, and then what comes later."""
    scripted.found(FEW)
    mirror = Bandersnatch(bandersnatch, scripted.master(), WITHOUT_THE_BAD)

    mirror.sync()
    assert mirror.has() == names(scripted.expected())
    scripted.play("publish")
    mirror.sync()

    assert mirror.has() == names(scripted.expected())
