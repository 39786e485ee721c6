from datetime import timedelta
from urllib.parse import urljoin

import msgspec
import pytest

from cloche.core.building import Built
from cloche.core.errors import NoSuchProject
from cloche.core.model import Digest, project_name
from cloche.core.negotiation import Format
from cloche.core.wire import render_page
from tests.fakes import NOW
from tests.web.ui.reading import all_of, links, text
from tests.web.ui.world import FILES_URL, MAIN, TEAM, World, core_metadata

pytestmark = pytest.mark.anyio

ACME = project_name("acme")
BASE = "http://127.0.0.1:8080"


async def test_files_are_where_the_simple_page_says(world: World) -> None:
    """A person and an installer are given one URL for one file."""
    await world.upload("acme-1.0+local-py3-none-any.whl", index=TEAM)
    shown = await world.pages.shelf.get("team/dev", ACME)
    simple = msgspec.json.decode(
        render_page(shown.page, Format.JSON, "../../../../packages/team/dev/acme/")
    )

    page = await world.pages.project(TEAM, ACME, BASE)

    ours = urljoin(f"{BASE}/team/dev/project/acme/", links(page)["acme-1.0+local-py3-none-any.whl"])
    assert ours == urljoin(f"{BASE}/team/dev/simple/acme/", simple["files"][0]["url"])


async def test_an_upload_is_shown_with_its_facts(world: World) -> None:
    """Name, version, owner, install line, and a file's facts are there for an upload."""
    upload = await world.upload(
        "acme-1.0-py3-none-any.whl", size=1_234_567, requires_python=">=3.11"
    )

    page = await world.pages.project(MAIN, ACME, BASE)

    assert all_of(page, "h1") == ["acme 1.0"]
    assert "uploaded here" in all_of(page, ".badge")
    assert f"pip install --index-url {BASE}/simple/ acme" in all_of(page, ".commands code")
    (entry,) = all_of(page, ".files li")
    for fact in ("1.2 MB", "2026-03-01", "Python >=3.11", f"sha256 {upload.digest[:12]}…"):
        assert fact in entry
    assert f'title="{upload.digest}"' in page


async def test_how_a_wheel_was_built_is_beside_it(world: World) -> None:
    """Whichever index shows it says of what, when and with what it was built, and of no other."""
    built = Built(
        sdist="acme-1.0.tar.gz",
        sdist_sha256=Digest("5" * 64),
        source="main",
        builder="uv 0.9.1",
        python="CPython 3.12.1",
        platform="linux-x86_64",
        began=NOW,
        ended=NOW,
        requires=(),
    )
    await world.build("acme-1.0-py3-none-any.whl", built)
    await world.upload("acme-1.0.tar.gz")

    for index in (MAIN, TEAM):
        page = await world.pages.project(index, ACME, BASE)

        said = [each for each in all_of(page, ".files li") if "built from" in each]
        assert [each.partition(" ")[0] for each in said] == ["acme-1.0-py3-none-any.whl"]
        assert said[0].endswith(
            "built from acme-1.0.tar.gz on 2026-03-01 with uv 0.9.1, "
            "for CPython 3.12.1 on linux-x86_64"
        )
        assert f'title="sha256 {built.sdist_sha256}"' in page


async def test_an_upstream_project_is_shown_with_its_metadata(world: World) -> None:
    """What the upstream keeps about its newest file is fetched, shown, and kept."""
    wheel = {"filename": "demo-1.0-py3-none-any.whl", "core-metadata": True}
    demo = world.offer("demo", wheel)
    world.upstream.files[f"{FILES_URL}demo-1.0-py3-none-any.whl.metadata"] = core_metadata(
        Name="demo", Summary="Shows things."
    )

    page = await world.pages.project(TEAM, demo, BASE)

    assert "kept from upstream pypi" in all_of(page, ".badge")
    assert all_of(page, ".lead") == ["Shows things."]
    assert len(world.kept.files) == 1


async def test_the_newest_version_is_a_final_one_that_is_not_yanked(world: World) -> None:
    """Pre-releases and yanked versions are listed by number, but are not the newest."""
    await world.upload("acme-1.9.tar.gz")
    await world.upload("acme-1.10.tar.gz")
    await world.upload("acme-1.11.tar.gz", yanked=True, yanked_reason="broken")
    await world.upload("acme-2.0rc1.tar.gz")

    page = await world.pages.project(MAIN, ACME, BASE)

    assert all_of(page, ".newest") == ["1.10"]
    assert all_of(page, ".version") == ["2.0rc1", "1.11", "1.10", "1.9"]
    assert all_of(page, "details[open] > summary .version") == ["1.10"]
    assert "yanked: broken" in all_of(page, ".badge")


async def test_when_all_is_yanked_the_page_says_so(world: World) -> None:
    """A project with yanked versions only still has a page, with a warning."""
    await world.upload("acme-1.0.tar.gz", yanked=True)

    page = await world.pages.project(MAIN, ACME, BASE)

    assert "withdrawn every version" in text(page)


async def test_the_31st_version_and_older_are_folded_away(world: World) -> None:
    """Thirty versions are open to view, and every other one is behind one click."""
    for number in range(40):
        await world.upload(f"acme-{number}.0.tar.gz")

    page = await world.pages.project(MAIN, ACME, BASE)

    assert all_of(page, ".older > summary") == ["10 older versions"]
    assert all_of(page, ".older .version") == [f"{number}.0" for number in range(9, -1, -1)]
    assert len(all_of(page, ".version")) == 40


async def test_a_project_of_very_many_files_is_shown_whole(world: World) -> None:
    """No file is missing from a page that is laid out beside the event loop."""
    demo = world.offer("demo", *({"filename": f"demo-{n}.0.tar.gz"} for n in range(1000)))

    page = await world.pages.project(MAIN, demo, BASE)

    assert len(all_of(page, ".files li")) == 1000


async def test_files_whose_version_cannot_be_told_come_last(world: World) -> None:
    """A name that follows no rule hides no file."""
    demo = world.offer("demo", {"filename": "demo.bin"}, {"filename": "demo-1.0.tar.gz"})

    page = await world.pages.project(MAIN, demo, BASE)

    assert all_of(page, ".version") == ["1.0", "Other files"]
    assert "demo.bin" in links(page)


async def test_status_is_shown_with_its_reason(world: World) -> None:
    """What the project's owners say about its state is on its page (PEP 792)."""
    status = {"status": "deprecated", "reason": "use demo2"}
    demo = world.offer("demo", {"filename": "demo-1.0.tar.gz"}, **{"project-status": status})

    said = text(await world.pages.project(MAIN, demo, BASE))

    assert "Deprecated : its authors advise against using it. use demo2" in said


async def test_a_quarantined_project_offers_no_files(world: World) -> None:
    """What no simple page lists, no page for people links to."""
    status = {"status": "quarantined"}
    demo = world.offer("demo", {"filename": "demo-1.0.tar.gz"}, **{"project-status": status})

    page = await world.pages.project(MAIN, demo, BASE)

    assert "demo-1.0.tar.gz" not in page
    assert "No files are offered." in text(page)


async def test_metadata_is_shown_as_facts(world: World) -> None:
    """Licence, people, links, dependencies and classifiers are taken from the metadata."""
    told = core_metadata(
        "# Read *me*",
        Name="ACME",
        Description_Content_Type="text/markdown",
        Summary="Catches birds.",
        License_Expression="Apache-2.0",
        Author="Wile E. Coyote",
        Project_URL=["Docs, https://acme.test/docs"],
        Requires_Dist=["Foo.Bar>=2; python_version < '4'", "baz; extra == 'fast'"],
        Classifier=["Topic :: Birds"],
    )
    await world.upload("acme-1.0-py3-none-any.whl", told)

    page = await world.pages.project(MAIN, ACME, BASE)

    assert all_of(page, "h1") == ["ACME 1.0", "Read me"]
    assert all_of(page, ".lead") == ["Catches birds."]
    assert {"Apache-2.0", "Wile E. Coyote", "Docs acme.test"} <= set(all_of(page, "dd"))
    assert links(page)["Docs"] == "https://acme.test/docs"
    assert links(page)["Foo.Bar"] == "../../../main/project/foo-bar/"
    assert all_of(page, "aside summary") == [
        "Dependencies 1",
        "Optional dependencies 1",
        "Classifiers 1",
    ]


async def test_metadata_of_an_older_version_is_said_to_be_that(world: World) -> None:
    """Facts are never passed off as the newest version's."""
    await world.upload("acme-1.0-py3-none-any.whl", core_metadata(Summary="Old."))
    await world.upload("acme-2.0.tar.gz", uploaded_at=NOW + timedelta(days=1))

    page = await world.pages.project(MAIN, ACME, BASE)

    assert "As version 1.0 tells it" in text(page)


async def test_without_metadata_the_page_says_what_it_lacks(world: World) -> None:
    """A project whose files offer no metadata still has a page, which says so."""
    await world.upload("acme-1.0.tar.gz")

    page = await world.pages.project(MAIN, ACME, BASE)

    assert "No file here offers its metadata" in text(page)
    assert len(all_of(page, ".files li")) == 1


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        (b"Name: acme", "the metadata has no field metadata-version"),
        (core_metadata("x" * (10 << 20)), "it is larger than 10 MiB"),
    ],
)
async def test_metadata_that_cannot_be_used_costs_only_itself(
    world: World, metadata: bytes, why: str
) -> None:
    """Bad metadata takes nothing from the page but what it would have told."""
    await world.upload("acme-1.0-py3-none-any.whl", metadata)

    page = await world.pages.project(MAIN, ACME, BASE)

    assert why in text(page)
    assert len(all_of(page, ".files li")) == 1


async def test_an_upstream_that_fails_costs_only_the_metadata(world: World) -> None:
    """When the metadata cannot be fetched, the page says why and shows the rest."""
    demo = world.offer("demo", {"filename": "demo-1.0-py3-none-any.whl", "core-metadata": True})

    page = await world.pages.project(MAIN, demo, BASE)

    assert "its upstream lists it, and has it no longer" in text(page)
    assert "demo-1.0-py3-none-any.whl" in links(page)


async def test_an_unknown_project_has_no_page(world: World) -> None:
    """What no source has is left to the caller to report."""
    with pytest.raises(NoSuchProject):
        await world.pages.project(MAIN, ACME, BASE)
