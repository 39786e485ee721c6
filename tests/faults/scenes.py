"""What is going on when a server dies, and what must hold of it afterwards."""

from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from tests.faults.wire import (
    acknowledged,
    false_offers,
    file_url,
    is_whole,
    page,
    taken,
)
from tests.packages import Built, wheel
from tests.upstream.controller import Upstream
from tests.waiting import until

NEW = wheel("new", "1.0", size=3_000_000)
SMALL_ONE = wheel("small-one", "1.0", size=20_000)
COLD = wheel("cold", "1.0", size=5_000_000)
OLD_RELEASE, NEW_RELEASE = wheel("moving", "1.0"), wheel("moving", "2.0")


class Scene(Protocol):
    """One use of the server. `went_well` when the client has had its whole answer."""

    went_well: bool

    def set(self, upstream: Upstream) -> None:
        """Put into the upstream what the scene needs."""

    def approach(self, url: str) -> None:
        """Do what comes before, while nothing can happen."""

    def act(self, url: str, token: str) -> None:
        """Do it; the server may die meanwhile. Fail at a whole answer that is false."""

    def check(self, url: str) -> None:
        """Fail unless what the server now has of it is right."""

    def again(self, url: str, token: str) -> None:
        """Do it once more; fail unless it now goes well."""


class Upload:
    """A wheel is uploaded: one larger than what the server takes in one piece, if none is given."""

    went_well = False

    def __init__(self, built: Built = NEW) -> None:
        self.built = built

    def set(self, upstream: Upstream) -> None:
        pass

    def approach(self, url: str) -> None:
        pass

    def act(self, url: str, token: str) -> None:
        self.went_well = acknowledged(url, token, self.built)

    def check(self, url: str) -> None:
        assert is_whole(url, self.built) or not self.went_well
        assert false_offers(url, self.built.project) == []

    def again(self, url: str, token: str) -> None:
        assert acknowledged(url, token, self.built)
        assert is_whole(url, self.built)


class UploadAgain(Upload):
    """What was acknowledged is uploaded once more, with the same bytes."""

    def check(self, url: str) -> None:
        assert is_whole(url, self.built)


class UploadsAtOnce(Upload):
    """Many small wheels of one project are uploaded at once."""

    many = tuple(wheel("many", f"{number}.0", size=20_000) for number in range(12))
    went: tuple[bool, ...] = (False,) * len(many)

    def act(self, url: str, token: str) -> None:
        with ThreadPoolExecutor(len(self.many)) as pool:
            self.went = tuple(pool.map(lambda each: acknowledged(url, token, each), self.many))
        self.went_well = all(self.went)

    def check(self, url: str) -> None:
        for built, went_well in zip(self.many, self.went, strict=True):
            assert is_whole(url, built) or not went_well
        assert false_offers(url, "many") == []

    def again(self, url: str, token: str) -> None:
        for built in self.many:
            assert acknowledged(url, token, built)
            assert is_whole(url, built)


class Cold:
    """Of a project that nobody has asked for yet, one thing is asked for."""

    went_well = False

    def set(self, upstream: Upstream) -> None:
        upstream.add(COLD)

    def approach(self, url: str) -> None:
        pass

    def act(self, url: str, token: str) -> None:  # noqa: ARG002 - readers need no token
        where, promised = self._asked(url)
        got = taken(where)
        self.went_well = got is not None
        assert got is None or promised is None or got == promised

    def check(self, url: str) -> None:
        assert is_whole(url, COLD)

    def again(self, url: str, token: str) -> None:  # noqa: ARG002 - readers need no token
        assert is_whole(url, COLD)
        assert false_offers(url, COLD.project) == []

    def _asked(self, url: str) -> tuple[str, bytes | None]:
        return f"{url}/simple/{COLD.project}/", None


class ColdFile(Cold):
    """The page is there, the file is not."""

    suffix = ""
    promised = COLD.content

    def approach(self, url: str) -> None:
        self._path = file_url(url, COLD).removeprefix(url)

    def _asked(self, url: str) -> tuple[str, bytes | None]:
        return f"{url}{self._path}{self.suffix}", self.promised


class ColdMetadata(ColdFile):
    """The page is there, the file's metadata is not."""

    suffix = ".metadata"
    promised = COLD.metadata


class Refresh:
    """A page that is kept, but no longer fresh, is asked for; it has changed upstream."""

    went_well = False

    def set(self, upstream: Upstream) -> None:
        upstream.project("moving", max_age=0)
        upstream.add(OLD_RELEASE)
        self._upstream = upstream

    def approach(self, url: str) -> None:
        # No file: behind one the page would be looked at once more, at any moment.
        assert set(page(url, "moving")) == {OLD_RELEASE.filename}
        self._upstream.add(NEW_RELEASE)

    def act(self, url: str, token: str) -> None:  # noqa: ARG002 - readers need no token
        self.went_well = taken(f"{url}/simple/moving/") is not None

    def check(self, url: str) -> None:
        assert is_whole(url, OLD_RELEASE)
        assert false_offers(url, "moving") == []

    def again(self, url: str, token: str) -> None:  # noqa: ARG002 - readers need no token
        both = {OLD_RELEASE.filename, NEW_RELEASE.filename}
        until(lambda: set(page(url, "moving")) == both)  # news may take longer than an answer
