"""Who signed attestations, found out with Sigstore. Needs the extra `attestations`."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from cloche.core.errors import BadSetting, BadUpload, UpstreamDown
from cloche.core.publishers import Publisher

if TYPE_CHECKING:
    from sigstore.verify import Verifier


_INSTALL = "install cloche with its extra, as in pip install 'cloche[attestations]'"


def connect(trust_root: Path | None, *, needed: bool, offline: bool) -> "SigstoreAttestor":
    """Look at what verifying takes; nothing is asked yet.

    Raise BadSetting when it is `needed` and the extra is not installed, or the file not there.
    """
    if needed and find_spec("pypi_attestations") is None:
        raise BadSetting(
            f"an index has publishers, whose signatures cannot be verified here; {_INSTALL}"
        )
    if trust_root is not None and not trust_root.is_file():
        raise BadSetting(f"attestations.trust_root is {trust_root}, where no file is; correct it")
    return SigstoreAttestor(trust_root, offline=offline)


@dataclass
class SigstoreAttestor:
    """Verifies against the given trust root, else against that of the public Sigstore."""

    trust_root: Path | None
    offline: bool
    _made: "list[Verifier]" = field(default_factory=list)
    _turn: Lock = field(default_factory=Lock)

    async def verify(
        self, attestations: Sequence[bytes], publishers: Sequence[Publisher]
    ) -> Publisher:
        return await asyncio.to_thread(self._verify, attestations, publishers)

    def _verify(self, attestations: Sequence[bytes], publishers: Sequence[Publisher]) -> Publisher:
        verifier = self._verifier()
        refusals = []
        for publisher in publishers:
            try:
                for attestation in attestations:
                    _check(verifier, attestation, publisher)
            # Foreign bytes in foreign code: whatever it raises is a no.
            except Exception as e:  # noqa: BLE001
                refusals.append(f"{publisher.repository}: {str(e)[:300] or type(e).__name__}")
            else:
                return publisher
        problem = (
            f"the attestations are signed by none of this index's publishers "
            f"({'; '.join(refusals)}); publish from one of their workflows, or add yours to them"
        )
        raise BadUpload([problem])

    def _verifier(self) -> "Verifier":
        """Made at first use: importing it takes a second, and it may ask for new keys."""
        with self._turn:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]

    def _make(self) -> "Verifier":
        if find_spec("pypi_attestations") is None:
            raise UpstreamDown(f"signatures cannot be verified here; {_INSTALL}")
        from sigstore.errors import Error  # noqa: PLC0415  # what few need, and late
        from sigstore.models import TrustedRoot  # noqa: PLC0415
        from sigstore.verify import Verifier  # noqa: PLC0415

        try:
            if self.trust_root is None:
                return Verifier.production(offline=self.offline)
            return Verifier(trusted_root=TrustedRoot.from_file(str(self.trust_root)))
        except (Error, OSError, ValueError) as e:
            raise UpstreamDown(
                f"Sigstore's keys cannot be had ({str(e)[:200]}); try again later, or name a file "
                "of them as attestations.trust_root"
            ) from e


def _check(verifier: "Verifier", raw: bytes, publisher: Publisher) -> None:
    """Raise, anything, unless the publisher has signed this attestation."""
    from pypi_attestations import Attestation, GitHubPublisher, GitLabPublisher  # noqa: PLC0415

    attestation: Attestation = Attestation.model_validate_json(raw)
    kind = GitHubPublisher if publisher.kind == "GitHub" else GitLabPublisher
    signer = kind.model_validate(publisher.as_object())
    # The library's own way to here knows the public trust root only.
    policy = signer._as_policy()  # noqa: SLF001
    verifier.verify_dsse(attestation.to_bundle(), policy)
