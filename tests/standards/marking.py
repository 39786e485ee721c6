"""Who says of a project that it is yanked, or has a status: its manager here, or its source."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from tests.packages import Built
from tests.standards.offers import Offers
from tests.waiting import until
from tests.web.api.managing import Manager, place


@dataclass(frozen=True, slots=True)
class Markable(ABC):
    """A project whose yanks and status can be changed."""

    offers: Offers

    def add(self, built: Built) -> Built:
        return self.offers.add(built)

    @abstractmethod
    def yank(self, built: Built, reason: str | bool) -> None:  # noqa: FBT001 - PEP 691's own type
        """Yank a file that was added, or with False take that back; return when it shows."""

    @abstractmethod
    def declare(self, status: str, reason: str = "") -> None:
        """Give the project a status; return when it shows."""


@dataclass(frozen=True, slots=True)
class Managed(Markable):
    """Through the management API, whatever the project's source says."""

    manager: Manager

    def yank(self, built: Built, reason: str | bool) -> None:  # noqa: FBT001 - PEP 691's own type
        address = place(self.offers.name, "files", built.filename, "yank")
        if reason is False:
            self.manager.do("DELETE", address)
        else:
            self.manager.do("POST", address, {"reason": "" if reason is True else reason})

    def declare(self, status: str, reason: str = "") -> None:
        said = {"status": status, "reason": reason}
        self.manager.do("PUT", place(self.offers.name, "status"), said)


@dataclass(frozen=True, slots=True)
class Stated(Markable):
    """By the upstream, on a page that is looked at each time."""

    def add(self, built: Built) -> Built:
        self.offers.upstream.project(self.offers.name, max_age=0)
        return self.offers.add(built)

    def yank(self, built: Built, reason: str | bool) -> None:  # noqa: FBT001 - PEP 691's own type
        self.offers.upstream.add(built, yanked=reason)
        until(lambda: self.offers.files()[built.filename].get("yanked", False) == reason)

    def declare(self, status: str, reason: str = "") -> None:
        said = {"status": status} | ({"reason": reason} if reason else {})
        self.offers.upstream.project(self.offers.name, max_age=0, extra={"project-status": said})
        until(lambda: self.offers.json().get("project-status", {}).get("status") == status)
