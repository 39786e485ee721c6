"""XML-RPC as the standard library's client, mirrors and old tools call it."""

import time
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ProtocolError, ServerProxy, dumps, loads

import pytest

from tests.packages import Built, sdist, wheel
from tests.server import Cloche, Reply
from tests.upstream.controller import Upstream
from tests.waiting import until
from tests.web.forms import post, upload
from tests.web.tokens import basic

XML = {"Content-Type": "text/xml"}
TO_TEAM = "/team/legacy/"
TEAM = """
[index.main]
default = true
sources = ["team"]

[index.team]
uploads = true
"""
DENIED = """
[[index.team.rule]]
kind = "deny"
what = ["xr-ruled<2"]
"""


class Rpc:
    """Calls methods of a server's index, over one connection each."""

    def __init__(self, url: str, **headers: str) -> None:
        self._url = url
        self._headers = list(headers.items())

    def __call__(self, method: str, *arguments: Any) -> Any:
        with ServerProxy(self._url, headers=self._headers, allow_none=True) as proxy:
            return getattr(proxy, method)(*arguments)


@pytest.fixture
def rpc(server: Cloche) -> Rpc:
    return Rpc(f"{server.url}/pypi")


def published(server: Cloche, token: str, *all_built: Built, path: str = "/legacy/") -> None:
    for built in all_built:
        assert upload(server.url, built, token, path).status == 200


@pytest.mark.parametrize("path", ["/pypi", "/pypi/", "/RPC2", "/RPC2/", "/", "/main/pypi"])
def test_addresses(server: Cloche, path: str) -> None:
    """XML is answered as XML-RPC wherever PyPI or a tool would post it."""
    assert "changelog_last_serial" in Rpc(server.url + path)("system.listMethods")


def test_uploads_go_on_at_the_same_addresses(server: Cloche, token: str) -> None:
    """A form that is posted to an address that XML-RPC shares is an upload still."""
    for number, path in enumerate(("/", "/pypi", "/pypi/")):
        assert upload(server.url, wheel("xr-form", f"{number}.0"), token, path).status == 200


def test_lists_of_projects(server: Cloche, token: str, rpc: Rpc) -> None:
    """All projects, with the serial that each one's page names."""
    published(server, token, wheel("xr-listed", "1.0"))
    serial = int(server.get("/simple/xr-listed/").headers["x-pypi-last-serial"])

    assert "xr-listed" in rpc("list_packages")
    assert rpc("list_packages_with_serial")["xr-listed"] == serial
    assert rpc("changelog_last_serial") >= serial


def test_the_changelog(server: Cloche, token: str, rpc: Rpc) -> None:
    """Since a serial, or a time, each change is told in PyPI's words."""
    before, since = rpc("changelog_last_serial"), int(time.time())
    published(server, token, wheel("xr-log", "1.0"), sdist("xr-log", "1.0"), wheel("xr-log", "2.0"))
    rows = rpc("changelog_since_serial", before)

    assert [[name, version, action] for name, version, _, action, _ in rows] == [
        ["xr-log", "1.0", "create"],
        ["xr-log", "1.0", "new release"],
        ["xr-log", "1.0", "add py3 file xr_log-1.0-py3-none-any.whl"],
        ["xr-log", "1.0", "add source file xr_log-1.0.tar.gz"],
        ["xr-log", "2.0", "new release"],
        ["xr-log", "2.0", "add py3 file xr_log-2.0-py3-none-any.whl"],
    ]
    assert all(before < serial for *_, serial in rows)
    assert rows[-1][-1] == rpc("changelog_last_serial")
    assert all(since <= at <= time.time() for _, _, at, _, _ in rows)
    assert rpc("changelog", since, 1)[-6:] == rows
    assert rpc("changelog", since)[-1] == rows[-1][:4]
    assert ["xr-log", "2.0"] in rpc("updated_releases", since)
    assert "xr-log" in rpc("changed_packages", since)
    assert rpc("changelog_since_serial", rows[-1][-1]) == []
    assert rpc("changed_packages", int(time.time()) + 1000) == []


def test_an_upstream_s_change_is_in_the_changelog(
    server: Cloche, upstream: Upstream, rpc: Rpc
) -> None:
    """A page that is kept of an upstream is a change too, with the page's serial."""
    before = rpc("changelog_last_serial")
    upstream.add(wheel("xr-kept", "1.0"))
    server.get("/simple/xr-kept/")
    until(lambda: rpc("changelog_last_serial") > before)
    rows = [row for row in rpc("changelog_since_serial", before) if row[0] == "xr-kept"]

    assert [action for *_, action, _ in rows] == ["create", "page changed"]
    serial = server.get("/simple/xr-kept/").headers["x-pypi-last-serial"]
    assert {str(row[-1]) for row in rows} == {serial}


def test_another_index_s_changes_are_not_told(server: Cloche, token: str) -> None:
    """The changelog of an index speaks of what it draws on, and of nothing else."""
    main, closed = Rpc(f"{server.url}/pypi"), Rpc(f"{server.url}/closed/pypi", **basic(token))
    before = main("changelog_last_serial")
    published(server, token, wheel("xr-closed", "1.0"), path="/closed/legacy/")

    assert main("changelog_last_serial") == before
    assert "xr-closed" not in main("list_packages")
    assert "xr-closed" in closed("list_packages")
    assert closed("changelog_since_serial", before)[0][0] == "xr-closed"


def test_a_closed_index_is_closed(server: Cloche) -> None:
    """Whoever may not read an index gets 401 from HTTP, and no method is run."""
    with pytest.raises(ProtocolError) as refusal:
        Rpc(f"{server.url}/closed/pypi")("list_packages")

    assert refusal.value.errcode == 401


def test_releases_of_a_project(upstream: Upstream, rpc: Rpc) -> None:
    """Versions come newest first, and those that are yanked only to whoever wants the hidden."""
    upstream.add(wheel("xr-releases", "1.9"))
    upstream.add(wheel("xr-releases", "1.10"))
    upstream.add(wheel("xr-releases", "2.0"), yanked="broken")

    assert rpc("package_releases", "Xr.Releases") == ["1.10", "1.9"]
    assert rpc("package_releases", "xr-releases", 1) == ["2.0", "1.10", "1.9"]
    assert rpc("package_releases", "xr-nobody") == []


def test_a_release(server: Cloche, token: str, rpc: Rpc) -> None:
    """A release's files and data are those of the JSON API."""
    built = wheel("xr-release", "1.0", summary="Tells.", fields=(("Classifier", "A :: B"),))
    published(server, token, built)
    [file] = rpc("release_urls", "xr-release", "1.0")
    data = rpc("release_data", "xr-release", "1.0.0")

    assert (file["filename"], file["size"]) == (built.filename, built.size)
    assert (file["md5_digest"], file["packagetype"]) == (built.md5, "bdist_wheel")
    assert server.get(file["url"].removeprefix(server.url)).body == built.content
    assert (data["name"], data["version"], data["summary"]) == ("xr-release", "1.0", "Tells.")
    assert (data["classifiers"], data["stable_version"]) == (["A :: B"], "1.0")
    assert rpc("package_data", "xr-release") == data


def test_what_nobody_has(rpc: Rpc) -> None:
    """Of what is not there, there is nothing to tell: no fault."""
    assert rpc("release_urls", "xr-none", "1.0") == []
    assert rpc("release_data", "xr-none", "1.0") == {}
    assert rpc("package_roles", "xr-none") == []
    assert rpc("user_packages", "nobody") == []


def test_who_uploaded_what(server: Cloche, token: str, rpc: Rpc) -> None:
    """Whoever uploaded files is told as a project's maintainer, and the project as theirs."""
    published(server, token, wheel("xr-roles", "1.0"))

    assert rpc("package_roles", "xr-roles") == [["Maintainer", "tester"]]
    assert ["Maintainer", "xr-roles"] in rpc("user_packages", "tester")


def test_search(server: Cloche, token: str, rpc: Rpc) -> None:
    """A search finds what has the words in its name, as pip and others spell the question."""
    published(server, token, wheel("xr-find-one", "1.0", summary="One."), wheel("xr-find-two", "2"))

    def found(*question: Any) -> set[str]:
        return {hit["name"] for hit in rpc("search", *question)}

    assert found({"name": "Xr_Find"}) == {"xr-find-one", "xr-find-two"}
    assert found({"name": "find-two", "summary": "find-two"}, "or") == {"xr-find-two"}
    assert found({"name": ["find-one", "find-two"]}) == {"xr-find-one", "xr-find-two"}
    assert found({"name": "xr-find", "license": "MIT"}, "and") == set()
    assert found({"name": "xr-find-nothing"}) == set()
    assert found({}) == set()
    [hit] = rpc("search", {"name": "xr-find-one"})
    assert (hit["version"], hit["summary"]) == ("1.0", "One.")


def test_browse(server: Cloche, token: str, rpc: Rpc) -> None:
    """Uploads are found by their classifiers, all of which they must have."""
    both = (("Classifier", "Xr :: One"), ("Classifier", "Xr :: Two"))
    published(
        server,
        token,
        wheel("xr-browse-a", "1.0", fields=both),
        wheel("xr-browse-b", "1.0", fields=both[:1]),
    )

    assert rpc("browse", ["Xr :: One"]) == [["xr-browse-a", "1.0"], ["xr-browse-b", "1.0"]]
    assert rpc("browse", ["Xr :: One", "Xr :: Two"]) == [["xr-browse-a", "1.0"]]


@pytest.mark.parametrize(
    ("call", "code", "sentence"),
    [
        (("nothing_like_it",), -32601, "there is no method 'nothing_like_it' here"),
        (("release_urls", "xr-x"), -32602, "release_urls takes (package_name: str, version: str)"),
        (("system.listMethods", 1), -32602, "system.listMethods takes ()"),
        (("release_urls", "xr-x", 1), -32602, "release_urls takes"),
        (("package_releases", "a b"), -32602, "'a b' is not a project name"),
        (("changelog", 10**15), -32602, "changelog takes"),
        (("changelog_since_serial", "1"), -32602, "changelog_since_serial takes"),
        (("search", {"name": "x"}, "xor"), -32602, "the operator 'xor' is unknown"),
        (("top_packages",), -32602, "nobody counts downloads here"),
    ],
)
def test_faults_are_clear(rpc: Rpc, call: tuple[Any, ...], code: int, sentence: str) -> None:
    """A call that cannot be followed is told why in a sentence."""
    if call[0] == "changelog":
        call = ("changelog", float(call[1]))
    with pytest.raises(Fault) as said:
        rpc(*call)

    assert (said.value.faultCode, sentence in said.value.faultString) == (code, True)


def sent(server: Cloche, body: bytes, headers: dict[str, str] | None = None) -> Reply:
    return post(server.url, "/pypi", body, {**XML, **(headers or {})})


ENTITY = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aa">]><methodCall>&a;</methodCall>'


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (ENTITY.encode(), "document type"),
        (ENTITY.replace('"1.0"', '"1.0" encoding="utf-16"').encode("utf-16"), "document type"),
        (b"", "no XML-RPC call"),
        (b"<a>", "no XML-RPC call"),
        (b"<methodCall><params/></methodCall>", "names no method"),
        (
            b"<methodCall><methodName>x</methodName><value><int>y</int></value></methodCall>",
            "no XML-RPC",
        ),
        (b"<methodCall></value></methodCall>", "no XML-RPC call"),
        (b"\xff\xfe\x00", "no XML-RPC call"),
    ],
)
def test_what_is_no_call(server: Cloche, body: bytes, sentence: str) -> None:
    """What cannot be read is a fault, and an entity is never expanded."""
    reply = sent(server, body)
    with pytest.raises(Fault) as said:
        loads(reply.body.decode())

    assert (reply.status, said.value.faultCode) == (200, -32700)
    assert sentence in said.value.faultString


def test_a_call_is_bounded(server: Cloche) -> None:
    """A call of more than 64 KiB is not read to its end."""
    assert sent(server, dumps(("x" * 70_000,), "search").encode()).status == 413


def test_what_xml_cannot_say(server: Cloche, token: str, rpc: Rpc) -> None:
    """Characters that XML has no way to write do not spoil the answer."""
    published(server, token, wheel("xr-odd", "1.0", description="a\x0cb\x00c \U0001f9c0"))

    assert "a?b?c \U0001f9c0" in rpc("release_data", "xr-odd", "1.0")["description"]


def test_other_rules_are_news_to_mirrors(tmp_path: Path) -> None:
    """Rules that an index gets move the serial of every project on its lists."""
    config = tmp_path / "cloche.toml"
    config.write_text(TEAM)
    running = Cloche(tmp_path / "data", config=config)
    with running as server:
        token = server.token("upload", index="team")
        published(server, token, wheel("xr-ruled", "1.0"), wheel("xr-free", "1.0"), path=TO_TEAM)
        before = Rpc(f"{server.url}/pypi")("changelog_last_serial")
        assert Rpc(f"{server.url}/pypi")("changelog_since_serial", before) == []
    config.write_text(TEAM + DENIED)
    with running as server:
        rpc = Rpc(f"{server.url}/pypi")
        rows, after = rpc("changelog_since_serial", before), rpc("changelog_last_serial")
        assert [(name, action) for name, _, _, action, _ in rows] == [
            ("xr-free", "rules changed"),
            ("xr-ruled", "rules changed"),
        ]
        assert {serial for *_, serial in rows} == {after}
        assert after > before
        assert rpc("list_packages_with_serial") == {"xr-free": after, "xr-ruled": after}
        for path in ("/simple/xr-free/", "/pypi/xr-ruled/json", "/simple/"):
            assert int(server.get(path).headers["x-pypi-last-serial"]) == after
        assert rpc("changelog_since_serial", after) == []


def test_other_sources_are_news_to_mirrors(tmp_path: Path) -> None:
    """Sources that an index gets move the serial of every project on its lists."""
    config = tmp_path / "cloche.toml"
    config.write_text(TEAM)
    running = Cloche(tmp_path / "data", config=config)
    with running as server:
        token = server.token("upload", index="team")
        published(server, token, wheel("xr-drawn", "1.0"), path=TO_TEAM)
        before = Rpc(f"{server.url}/pypi")("changelog_last_serial")
    for text, is_news in ((TEAM, False), (TEAM.replace('["team"]', '["more", "team"]'), True)):
        config.write_text(text + "[index.more]\nuploads = true\n")
        with running as server:
            rpc = Rpc(f"{server.url}/pypi")
            told = [(name, serial) for name, *_, serial in rpc("changelog_since_serial", before)]
            after = rpc("changelog_last_serial")
            assert told == ([("xr-drawn", after)] if is_news else [])
            assert (after > before) is is_news
            assert rpc("list_packages_with_serial") == {"xr-drawn": after}
            for path in ("/simple/xr-drawn/", "/pypi/xr-drawn/json"):
                assert int(server.get(path).headers["x-pypi-last-serial"]) == after
