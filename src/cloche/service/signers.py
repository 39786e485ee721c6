"""Who signed files, for rules to know: each file's provenance, verified (PEP 740)."""

from dataclasses import dataclass

from cloche.core import provenance
from cloche.core.errors import BadName, BadUpload, UpstreamLies
from cloche.core.known import SIGNER, Facts
from cloche.core.model import Digest, ProjectName
from cloche.core.policy import Candidate, Offer
from cloche.core.publishers import of_object
from cloche.ports import Attestor
from cloche.service.integrity import Objects, provenance_of
from cloche.service.knowledge import Group


@dataclass(frozen=True, slots=True)
class Signers:
    """Every file tells for itself alone: a stranger's could lie beside the others."""

    objects: Objects
    attestor: Attestor

    def groups(self, offer: Offer) -> list[Group]:
        return [Group([each] if _may_tell(each) else [], [each]) for each in offer.candidates]

    async def look(self, project: ProjectName, teller: Candidate) -> Facts:
        found: list[str] = []
        problems: list[str] = []
        for claimed, attestations in provenance.bundles(await self._object(project, teller)):
            try:
                found.append(await self._signer(claimed, attestations))
            except BadName as e:
                problems.append(str(e))
        if not found:
            raise UpstreamLies(problems[0] if problems else "it holds no attestation")
        return {SIGNER: tuple(dict.fromkeys(found))}

    async def _object(self, project: ProjectName, teller: Candidate) -> bytes:
        if teller.hosted:
            return (await self.objects.read(Digest(teller.file.provenance or ""))).body
        artifact = provenance_of(teller.source, project, teller.file)
        return (await self.objects.fetched(artifact)).body

    async def _signer(self, claimed: dict[str, object], attestations: list[bytes]) -> str:
        """The publisher that a bundle claims, once all in it is known to be signed by them.

        Raise BadName when it is not, or when that cannot be found out for such a publisher.
        """
        if not attestations:  # which anybody can claim to have signed
            raise BadName("a publisher is claimed, and nothing is signed")
        publisher = of_object(claimed)
        try:
            return str(await self.attestor.verify(attestations, [publisher]))
        except BadUpload:
            raise BadName(f"it is not signed by {publisher}, as it claims") from None


def _may_tell(each: Candidate) -> bool:
    """Also a file that its upstream lists no longer: its provenance may be kept."""
    return bool(each.file.provenance) or not (each.hosted or each.file.url)
