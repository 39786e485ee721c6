"""pip and uv behind one face, for what both must be able to do."""

from dataclasses import dataclass
from pathlib import Path

from tests.clients.client import Client, Outcome

INSTALLERS = ("pip", "uv")


@dataclass(frozen=True, slots=True)
class Installer:
    """A client that installs from one index into a folder."""

    client: Client

    def install(self, index: str, target: Path, *arguments: str | Path) -> Outcome:
        """Install what the arguments ask for, however that ends."""
        return self.client.run(
            *self._command(), "--index-url", index, "--target", target, *arguments
        )

    def find(self, links: str, target: Path, *arguments: str | Path) -> Outcome:
        """Install out of a folder or a page of links alone."""
        found = ("--no-index", "--find-links", links, "--target", target)
        return self.client.run(*self._command(), *found, *arguments)

    def _command(self) -> tuple[str | Path, ...]:
        if self.client.name == "uv":
            return ("pip", "install", "--python", self.client.python)
        return ("install",)
