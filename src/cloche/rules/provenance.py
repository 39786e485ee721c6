"""Only what was published with attestations, or by publishers that are known (PEP 740)."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from cloche.core.errors import BadName
from cloche.core.known import SIGNER, Facts, Lack, Need
from cloche.core.policy import Candidate, Objection, Offer, Rule
from cloche.core.publishers import Publisher, publisher

_SHOWN = 120  # characters of the publishers that signed, and of those that should have

_NONE = Objection("no attestations of it are known")


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kind = "provenance"`."""

    required: bool = True
    publishers: tuple[str, ...] = ()


def connect(settings: Settings, folder: Path) -> Rule:
    """Raise BadName when it asks nothing, or names a publisher that is none."""
    if not settings.required and not settings.publishers:
        raise BadName("it asks nothing: required is false, and there are no publishers")
    return Provenance(settings.required, tuple(map(publisher, settings.publishers)))


class Provenance(Struct, frozen=True):
    """Objects to files without attestations, if they are `required`, and to those of strangers.

    With publishers, a file's attestations are verified: one bundle is to be signed by one of them.
    """

    required: bool
    publishers: tuple[Publisher, ...]

    @property
    def needs(self) -> frozenset[Need]:
        """That there is provenance is said by the page; who signed is not."""
        return frozenset({"provenance"}) if self.publishers else frozenset()

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        for candidate in offer.candidates:
            objection = self._verdict(candidate, offer)
            if objection is not None:
                yield candidate, objection

    def _verdict(self, candidate: Candidate, offer: Offer) -> Objection | None:
        found = offer.known.of("provenance", candidate.file.filename)
        # Of a file that is listed no longer no page says whether it has any.
        if not candidate.file.provenance and isinstance(found, Lack) and found.again is None:
            return _NONE if self.required else None
        return self._signed(found) if self.publishers else None

    def _signed(self, found: Facts | Lack) -> Objection | None:
        if isinstance(found, Lack):
            return Objection(f"who signed it is unknown: {found.reason}")
        signers = found.get(SIGNER, ())
        if any(publisher(each).same(one) for each in signers for one in self.publishers):
            return None
        return Objection(
            f"it is signed by {_listed(signers)}, and is to be by {_listed(self.publishers)}"
        )


def _listed(each: Iterable[object]) -> str:
    return ", ".join(map(str, each))[:_SHOWN]
