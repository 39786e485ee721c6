"""zc.buildout: what the eggs of a part need lies in a folder each."""

from importlib.metadata import distributions
from typing import ClassVar

from tests.clients.client import Outcome
from tests.clients.matrix.model import Environment, Installer, Installing

BUILDOUT = """\
[buildout]
index = {index}
parts = eggs
eggs-directory = {folder}/eggs

[eggs]
recipe = zc.recipe.egg
eggs = {wanted}
"""


class Buildout(Installer):
    title = "zc.buildout"
    name = "buildout"
    project = "zc-buildout"
    cannot: ClassVar = {
        Installing.LOCK: "what it pins has no hashes",
        Installing.DOWNLOAD: "it has no command that only downloads",
        Installing.HASHES: "what it pins has no hashes",
        Installing.DATE: "it has no such option",
        Installing.NETRC: "it takes the password from the URL only",
        Installing.KEYRING: "it takes the password from the URL only",
    }

    def install(self, index: str, *wanted: str, env: Environment = None) -> Outcome:
        text = BUILDOUT.format(index=index, folder=self.folder, wanted=" ".join(wanted))
        (self.folder / "buildout.cfg").write_text(text)
        return self.client.run(cwd=self.folder, env=env)

    def installed(self) -> dict[str, str]:
        eggs = [str(egg) for egg in (self.folder / "eggs").glob("v*/*.egg")]
        return {found.name: found.version for found in distributions(path=eggs)}
