from typing import Any

import pytest

from cloche.core.errors import BadName
from cloche.core.publishers import Publisher, of_object, publisher


@pytest.mark.parametrize(
    ("said", "kind", "repository", "workflow"),
    [
        ("github:acme/demo/release.yml", "GitHub", "acme/demo", "release.yml"),
        ("github:a-b/c.d_e/up.yaml", "GitHub", "a-b/c.d_e", "up.yaml"),
        ("gitlab:acme/demo//.gitlab-ci.yml", "GitLab", "acme/demo", ".gitlab-ci.yml"),
        ("gitlab:a/b/c//ci/up.yml", "GitLab", "a/b/c", "ci/up.yml"),
    ],
)
def test_publisher(said: str, kind: str, repository: str, workflow: str) -> None:
    """A publisher is a workflow of a repository."""
    assert publisher(said) == Publisher(kind, repository, workflow)


@pytest.mark.parametrize("said", ["github:acme/demo/release.yml", "gitlab:a/b/c//ci/up.yml"])
def test_it_is_written_as_it_is_read(said: str) -> None:
    """A publisher is written as the configuration names it, and told from its object."""
    found = publisher(said)

    assert str(found) == said
    assert of_object(found.as_object()) == found


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"kind": "Google", "email": "a@b"},
        {"kind": "GitHub"},
        {"kind": ["GitHub"]},
        {"kind": "GitHub", "repository": "a/b", "workflow": "../x.yml"},
        {"kind": "GitLab", "repository": "a", "workflow_filepath": "x.yml"},
    ],
)
def test_object_that_is_no_publisher(said: dict[str, Any]) -> None:
    """What an upstream claims of a publisher is read as strictly as the configuration."""
    with pytest.raises(BadName):
        of_object(said)


def test_cases_of_repositories() -> None:
    """Repositories are the same in any case, workflows are not."""
    ours = publisher("github:acme/demo/release.yml")
    assert ours.same(publisher("github:Acme/Demo/release.yml"))
    assert not ours.same(publisher("github:acme/demo/Release.yml"))
    assert not ours.same(publisher("gitlab:acme/demo//release.yml"))


def test_publisher_object() -> None:
    """The publisher of a bundle is told in the words of its kind."""
    assert publisher("github:acme/demo/release.yml").as_object() == {
        "kind": "GitHub",
        "claims": {},
        "repository": "acme/demo",
        "workflow": "release.yml",
    }
    assert publisher("gitlab:acme/demo//.gitlab-ci.yml").as_object() == {
        "kind": "GitLab",
        "claims": {},
        "repository": "acme/demo",
        "workflow_filepath": ".gitlab-ci.yml",
    }


@pytest.mark.parametrize(
    "said",
    [
        *("", "acme/demo", "github:acme/demo", "github:acme/release.yml", "github:a/b/c/d.yml"),
        *("github:acme/demo/release.txt", "github:*/demo/release.yml", "gitlab:acme/demo/ci.yml"),
        *("gitlab:acme//ci.yml", "pypi:acme/demo/release.yml", "github:acme/demo/release.yml\n"),
    ],
)
def test_no_publisher(said: str) -> None:
    """What names no workflow is refused with what would."""
    with pytest.raises(BadName, match="write github:"):
        publisher(said)
