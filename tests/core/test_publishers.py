import pytest

from cloche.core.errors import BadName
from cloche.core.publishers import Publisher, publisher


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
