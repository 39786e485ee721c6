"""Who may have signed an upload's attestations: workflows of repositories (PEP 740)."""

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from cloche.core.errors import BadName

_FORMS = "write github:OWNER/REPOSITORY/WORKFLOW.yml or gitlab:GROUP/PROJECT//.gitlab-ci.yml"
_GITHUB = re.compile(r"github:([\w.-]+/[\w.-]+)/([\w.-]+\.ya?ml)\Z", re.ASCII)
_GITLAB = re.compile(r"gitlab:([\w.-]+(?:/[\w.-]+)+)//([\w.-]+(?:/[\w.-]+)*\.ya?ml)\Z", re.ASCII)


class Publisher(Struct, frozen=True):
    kind: str  # as PEP 740's publisher objects name it: GitHub or GitLab
    repository: str
    workflow: str  # GitHub: a filename; GitLab: a path in the repository

    def __str__(self) -> str:
        """As `publisher` reads it."""
        between = "/" if self.kind == "GitHub" else "//"
        return f"{self.kind.lower()}:{self.repository}{between}{self.workflow}"

    def same(self, other: "Publisher") -> bool:
        """Whether it is the same one: neither host tells cases of repositories apart."""
        return (self.kind, self.repository.lower(), self.workflow) == (
            other.kind,
            other.repository.lower(),
            other.workflow,
        )

    def as_object(self) -> dict[str, Any]:
        """The publisher object of a bundle that this publisher has signed."""
        workflow = "workflow" if self.kind == "GitHub" else "workflow_filepath"
        return {
            "kind": self.kind,
            "claims": {},
            "repository": self.repository,
            workflow: self.workflow,
        }


def of_object(said: Mapping[str, Any]) -> Publisher:
    """The publisher that a bundle claims. Raise BadName when it is of a kind not known here."""
    kind, repository = said.get("kind"), said.get("repository")
    if kind == "GitHub":
        return publisher(f"github:{repository}/{said.get('workflow')}")
    if kind == "GitLab":
        return publisher(f"gitlab:{repository}//{said.get('workflow_filepath')}")
    raise BadName(f"a publisher of kind {str(kind)[:40]!r} cannot be verified here")


def publisher(said: str) -> Publisher:
    """Read a publisher as the configuration names it. Raise BadName when it names none."""
    if found := _GITHUB.match(said):
        return Publisher("GitHub", found[1], found[2])
    if found := _GITLAB.match(said):
        return Publisher("GitLab", found[1], found[2])
    raise BadName(f"{said!r} is no publisher: {_FORMS}")
