"""Dependency confusion: a stranger puts our private names, in higher versions, at the public index.

In every test the public index must hear nothing of a private name, and give nothing for it.
"""

from typing import get_args
from xmlrpc.client import ServerProxy

import msgspec
import pytest

from tests.confusion.scene import JSON, Kind, Scene
from tests.packages import wheel
from tests.server import Reply
from tests.upstream import kinds
from tests.upstream.misbehaviour import Misbehaviour
from tests.web.forms import post, upload
from tests.web.tokens import basic

HTML = {"Accept": "text/html"}
KINDS = get_args(Kind)
HAD = ("uploaded", "corporate")  # kinds of which there is a file

kind = pytest.mark.parametrize("kind", KINDS)
had = pytest.mark.parametrize("kind", HAD)

OUTAGES: tuple[Misbehaviour, ...] = (
    *(kinds.Status(status) for status in (401, 403, 429, 500, 502, 503, 504)),
    kinds.Status(200, body=b"<html>Log in first</html>", media_type="text/plain"),
    kinds.Stalled(after="request"),
    kinds.Cut(after="request"),
    kinds.Cut(),
    kinds.InvalidJson(),
    kinds.Redirect(to="http://127.0.0.1:9/"),
)


def names(reply: Reply) -> list[str]:
    assert reply.status == 200, reply
    return [file["filename"] for file in msgspec.json.decode(reply.body)["files"]]


@kind
def test_a_higher_version_at_the_public_index(scene: Scene, kind: Kind) -> None:
    """The classical attack: the stranger's version is the highest, and nobody sees it."""
    ours, _ = scene.private(kind, "classic")
    reply = scene.get(f"/simple/{kind}-classic/", **JSON)

    if kind == "routed":
        assert reply.status == 404
    else:
        assert names(reply) == [ours.filename]
    assert scene.leaks() == []


@pytest.mark.parametrize("kind", ["corporate", "routed"])
def test_the_private_index_cannot_be_reached(scene: Scene, kind: Kind) -> None:
    """Unreachable is not absent: no page, no file, and no 404 that sends a client elsewhere."""
    _, theirs = scene.private(kind, "down")
    with scene.corporate.down():
        replies = [
            scene.get(f"/simple/{kind}-down/"),
            scene.get(f"/pypi/{kind}-down/json"),
            scene.get(f"/packages/main/{kind}-down/{theirs.sha256}/{theirs.filename}"),
        ]

    assert {reply.status for reply in replies} == {503}
    assert all(reply.headers["retry-after"] for reply in replies)
    assert scene.leaks() == []


@pytest.mark.parametrize("outage", OUTAGES, ids=str)
def test_the_private_index_is_unwell(scene: Scene, outage: Misbehaviour) -> None:
    """Whatever it answers that is no page and no 404, it may own the name."""
    number = OUTAGES.index(outage)
    scene.private("corporate", f"ill-{number}")
    scene.corporate.misbehave(f"/simple/corporate-ill-{number}/", outage)

    assert scene.get(f"/simple/corporate-ill-{number}/", **JSON).status in {502, 503}
    assert scene.leaks() == []


@pytest.mark.parametrize("form", [kinds.JsonOnly(), kinds.HtmlOnly()], ids=str)
def test_the_private_index_lists_no_file(scene: Scene, form: Misbehaviour) -> None:
    """An empty 200 is an answer: the name is owned, and nobody else is asked."""
    name = f"corporate-empty-{type(form).__name__.lower()}"
    scene.corporate.project(name)
    scene.corporate.misbehave(f"/simple/{name}/", form)
    theirs = wheel(name, "99.0")
    scene.pypi.add(theirs)

    assert names(scene.get(f"/simple/{name}/", **JSON)) == []
    assert scene.get(f"/packages/main/{name}/{theirs.sha256}/{theirs.filename}").status == 404
    assert scene.leaks() == []


@had
def test_only_what_is_named_is_merged(scene: Scene, kind: Kind) -> None:
    """Merging some projects mixes the versions of no other."""
    ours, _ = scene.private(kind, "merged-not")

    assert names(scene.get(f"/simple/{kind}-merged-not/", **JSON)) == [ours.filename]
    assert scene.leaks() == []


SPELLINGS = ("{}_Odd.Name", "{}.ODD_name", "{}--odd..name", "{}-odd%2Dname", "%{:02x}{}-odd-name")


@kind
@pytest.mark.parametrize("spelling", range(len(SPELLINGS)))
def test_a_name_in_another_spelling(scene: Scene, kind: Kind, spelling: int) -> None:
    """However a name is written, it is the one name, and it is as private."""
    scene.private(kind, f"odd-name-{spelling}")
    if "x}" in SPELLINGS[spelling]:
        written = SPELLINGS[spelling].format(ord(kind[0]), kind[1:].upper())
    else:
        written = SPELLINGS[spelling].format(kind.upper())
    for place in ("/simple/{}/", "/simple/{}", "/pypi/{}/json", "/project/{}/"):
        path = place.format(f"{written}-{spelling}")
        reply = scene.follow(path, **JSON)
        assert b"99.0" not in reply.body, path
        assert reply.status == (404 if kind == "routed" else 200), path
    assert scene.leaks() == []


@kind
def test_the_stranger_s_file_by_its_address(scene: Scene, kind: Kind) -> None:
    """Who knows name and digest of the stranger's file gets it by none of the server's ways."""
    _, theirs = scene.private(kind, "direct")
    project, sha256, filename = theirs.project, theirs.sha256, theirs.filename
    for path in (
        f"/packages/main/{project}/{sha256}/{filename}",
        f"/packages/main/{project}/{sha256}/{filename}.metadata",
        f"/packages/main/{project}/{sha256}/{filename}.asc",
        f"/main/+f/{sha256[:3]}/{sha256[3:16]}/{filename}",
        f"/packages/source/{project[0]}/{project}/{filename}",
        f"/local/{project}/{sha256}/{filename}",
        f"/download/{project}/{filename}/",
        f"/integrity/{project}/99.0/{filename}/provenance",
        f"/pypi/{project}/99.0/json",
    ):
        assert scene.follow(path).status == 404, path
    assert scene.leaks() == []


def test_a_name_becomes_private_after_it_was_cached(scene: Scene) -> None:
    """What was kept of the stranger's is gone with the first upload: page, file, metadata, list."""
    theirs, ours = wheel("uploaded-late", "99.0"), wheel("uploaded-late", "1.0")
    scene.pypi.add(theirs)
    path = f"/packages/main/uploaded-late/{theirs.sha256}/{theirs.filename}"
    assert names(scene.get("/simple/uploaded-late/", **JSON)) == [theirs.filename]
    assert scene.get(path).body == theirs.content
    assert scene.get(f"{path}.metadata").body == theirs.metadata
    scene.pypi.forget()

    assert upload(scene.server.url, ours, scene.token).status == 200

    assert names(scene.get("/simple/uploaded-late/", **JSON)) == [ours.filename]
    assert scene.get(path).status == scene.get(f"{path}.metadata").status == 404
    assert names(scene.get("/local/uploaded-late/", **JSON)) == [ours.filename]
    assert scene.leaks() == []


def test_a_name_becomes_private_at_the_private_index(scene: Scene) -> None:
    """A page that is kept of the public index ends with the first look at the private one."""
    theirs, ours = wheel("corporate-late", "99.0"), wheel("corporate-late", "1.0")
    scene.pypi.add(theirs)
    assert names(scene.get("/simple/corporate-late/", **JSON)) == [theirs.filename]
    scene.pypi.wait_for(1, f"/files/corporate-late/{theirs.filename}.metadata")  # guessed ahead
    scene.corporate.add(ours)
    renewed = {"Authorization": basic(scene.token)["Authorization"]}
    scene.pypi.forget()

    scene.server.get("/cache/corporate-late", renewed, method="DELETE")

    assert names(scene.get("/simple/corporate-late/", **JSON)) == [ours.filename]
    assert scene.leaks() == []


@kind
def test_every_form_of_the_page(scene: Scene, kind: Kind) -> None:
    """JSON, HTML and every other API tell the same of a private name."""
    _, theirs = scene.private(kind, "forms")
    project = theirs.project
    for path in ("/simple/{}/", "/+simple/{}/", "/main/simple/{}/", "/project/{}/", "/{}/json"):
        for accept in (JSON, HTML, {"Accept": "*/*"}, {}):
            reply = scene.get(path.format(project), **accept)
            assert theirs.filename.encode() not in reply.body
            assert b"99.0" not in reply.body
    for path in ("/pypi/{}/json", "/rss/project/{}/releases.xml", "/{}/", "/local/{}/"):
        assert b"99.0" not in scene.follow(path.format(project)).body
    assert scene.leaks() == []


@kind
def test_what_is_asked_by_xml_rpc(scene: Scene, kind: Kind) -> None:
    """No method of XML-RPC carries a private name outward."""
    ours, theirs = scene.private(kind, "remote")
    with ServerProxy(f"{scene.server.url}/pypi", allow_none=True) as rpc:
        said = [
            rpc.package_releases(ours.project, True),  # noqa: FBT003 - as PyPI's clients call it
            rpc.release_urls(ours.project, "99.0"),
            rpc.release_data(ours.project, "99.0"),
            rpc.package_roles(ours.project),
            rpc.search({"name": ours.project}),
            rpc.list_packages(),
        ]

    assert "99.0" not in str(said)
    assert theirs.filename not in str(said)
    assert scene.leaks() == []


@kind
def test_a_requirements_file(scene: Scene, kind: Kind) -> None:
    """Fetching ahead what a requirements file names asks for private names as pages do."""
    ours, _ = scene.private(kind, "wanted")
    reply = requirements(scene, f"{ours.project.upper()}>=1\n")

    assert b"99.0" not in reply.body
    assert scene.leaks() == []


def requirements(scene: Scene, text: str) -> Reply:
    headers = {"Content-Type": "text/plain", **basic(scene.token)}
    return post(scene.server.url, "/requirements.txt", text.encode(), headers)


def test_guessing_ahead(scene: Scene) -> None:
    """What a private project needs is guessed ahead, but for names that are private too."""
    first = wheel("uploaded-guess", "1.0", requires=["routed-guess", "public-guess"])
    for built in (wheel("routed-guess", "99.0"), wheel("public-guess", "1.0")):
        scene.pypi.add(built)
    scene.corporate.add(
        wheel("corporate-guess", "1.0", requires=["uploaded-guess", "routed-guess", "public-guess"])
    )
    assert upload(scene.server.url, first, scene.token).status == 200

    names(scene.get("/simple/corporate-guess/", **JSON))

    scene.pypi.wait_for(1, "/simple/public-guess/")
    assert scene.leaks("routed-guess") == scene.leaks("uploaded-guess") == []
    assert scene.leaks("corporate-guess") == []


@kind
@pytest.mark.parametrize("when", ["2026-01-01", "2030-01-01T00:00:00Z", "99999999", "now"])
def test_the_name_in_the_past(scene: Scene, kind: Kind, when: str) -> None:
    """No moment makes a private name the stranger's: past pages ask nobody at all."""
    ours, theirs = scene.private(kind, f"past-{when.lower().replace(':', '-')}")
    project = ours.project
    scene.get(f"/simple/{project}/", **JSON)
    scene.corporate.forget()
    if when == "now":
        when = scene.get("/simple/").headers["x-pypi-last-serial"]

    page = scene.follow(f"/as-of/{when}/simple/{project}/", **JSON)
    path = f"/as-of/{when}/packages/{project}/{theirs.sha256}/{theirs.filename}"

    assert b"99.0" not in page.body
    assert scene.get(path).status in {400, 404, 410}
    assert scene.corporate.requests(f"/simple/{project}/") == []
    assert scene.leaks(project) == []


def test_a_public_name_in_the_past(scene: Scene) -> None:
    """What the private index was seen not to have is the public one's in the past too."""
    public = wheel("public-past", "1.0")
    scene.pypi.add(public, upload_time="2026-01-01T00:00:00Z")
    serial = scene.get("/simple/public-past/", **JSON).headers["x-pypi-last-serial"]

    for when in (serial, "2026-02-01"):
        assert names(scene.get(f"/as-of/{when}/simple/public-past/", **JSON)) == [public.filename]
    assert scene.get("/as-of/2025-12-31/simple/public-past/", **JSON).status == 404
