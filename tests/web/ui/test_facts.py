import pytest

from cloche.core.metadata import Metadata
from cloche.core.model import project_name
from cloche.web.ui.facts import MAX_LINKS, MAX_TEXT, display_name, facts, link


def metadata(**fields: object) -> Metadata:
    return Metadata(metadata_version="2.4", name="acme", version="1.0", **fields)  # type: ignore[arg-type] # the test's own


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://acme.test/",
        "//acme.test/",
        "https://",
        "https://user@acme.test/",
        "https://acme.test/\u202egnp.exe",
        "https://[broken/",
        f"https://acme.test/{'a' * 2000}",
        "UNKNOWN",
    ],
)
def test_unsafe_urls_are_no_links(url: str) -> None:
    """Only http and https addresses of a host, as they look, can be followed."""
    assert link("x", url) is None


def test_a_link_shows_its_host() -> None:
    """Whoever follows a link knows where to, whatever it is called."""
    found = link("PyPI", " https://evil.test/pypi ")

    assert found is not None
    assert (found.url, found.host) == ("https://evil.test/pypi", "evil.test")


def test_an_address_is_linked_once() -> None:
    """A home page that is among the project's links already is not repeated."""
    told = facts(metadata(home_page="https://a.test", project_urls={"Source": "https://a.test/"}))

    assert [each.label for each in told.links] == ["Source"]


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ({"license_expression": "MIT", "license": "other"}, "MIT"),
        ({"license": "BSD"}, "BSD"),
        (
            {"license": "x" * 3000, "classifiers": ("License :: OSI Approved :: MIT License",)},
            "MIT License",
        ),
        ({"license": "MIT License\n\nPermission is hereby"}, "MIT License"),
        ({"license": "x" * 3000}, "x" * MAX_TEXT + "…"),
        ({}, ""),
    ],
)
def test_a_licence_is_told_briefly(fields: dict[str, object], licence: str) -> None:
    """Of all that may stand where a licence is named, the name is shown."""
    assert facts(metadata(**fields)).licence == licence


def test_dependencies_are_told_apart() -> None:
    """What an extra asks for is optional, and what is no requirement is shown as written."""
    told = facts(metadata(requires_dist=("Foo.Bar [x]>=1", "baz; extra=='x'", "???")))

    assert [(each.project, each.name, each.rest) for each in told.needed] == [
        ("foo-bar", "Foo.Bar", " [x]>=1"),
        (None, "", "???"),
    ]
    assert [each.project for each in told.optional] == ["baz"]


def test_what_is_shown_is_bounded() -> None:
    """Metadata of any size makes a page of bounded size."""
    many = {f"l{n}": f"https://a.test/{n}" for n in range(1000)}
    told = facts(
        metadata(
            summary="s" * 9999,
            project_urls=many,
            requires_dist=("a" * 9999,) * 9999,
            classifiers=("c" * 9999,) * 9999,
        )
    )

    assert len(told.links) == MAX_LINKS
    assert len(str(told)) < 1 << 20


def test_a_project_is_called_as_its_authors_spell_it() -> None:
    """The spelling in the metadata is used, unless it is another project's name."""
    acme = project_name("acme")

    assert display_name(acme, Metadata(metadata_version="2.4", name="ACME", version="1")) == "ACME"
    assert display_name(acme, Metadata(metadata_version="2.4", name="pip", version="1")) == "acme"
    assert display_name(acme, None) == "acme"
