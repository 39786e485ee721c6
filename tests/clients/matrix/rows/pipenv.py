"""pipenv, which locks and installs what it locked."""

import json
from typing import ClassVar

from tests.clients.client import Outcome
from tests.clients.evidence import installed
from tests.clients.matrix.environments import site, virtual
from tests.clients.matrix.model import Environment, Installer, Installing
from tests.packages import Built

PIPFILE = """\
[[source]]
name = "cloche"
url = "{index}"
verify_ssl = true

[packages]
"""


class Pipenv(Installer):
    title = "pipenv"
    name = "pipenv"
    project = "pipenv"
    cannot: ClassVar = {
        Installing.DOWNLOAD: "it has no command that only downloads",
        Installing.DATE: "it has no such option",
        Installing.KEYRING: "it drops the user's name, without which `keyring` has no answer",
    }

    def install(self, index: str, *wanted: str, env: Environment = None) -> Outcome:
        self._write(index, *wanted)
        return self._pipenv("install", env=env)

    def installed(self) -> dict[str, str]:
        return installed(site(self.folder))

    def lock(self, index: str, wanted: str) -> str:
        self._write(index, wanted)
        outcome = self._pipenv("lock")
        assert outcome.code == 0, outcome.output
        return (self.folder / "Pipfile.lock").read_text()

    def hashed(self, index: str, *wanted: Built) -> Outcome:
        self._write(index, *(f"{one.name}=={one.version}" for one in wanted))
        locked = {
            one.name: {"version": f"=={one.version}", "hashes": [f"sha256:{one.sha256}"]}
            for one in wanted
        }
        source = {"name": "cloche", "url": index, "verify_ssl": True}
        meta = {"pipfile-spec": 6, "requires": {}, "sources": [source], "hash": {"sha256": ""}}
        lock = {"_meta": meta, "default": locked, "develop": {}}
        (self.folder / "Pipfile.lock").write_text(json.dumps(lock))
        return self._pipenv("sync")

    def _write(self, index: str, *wanted: str) -> None:
        lines = [PIPFILE.format(index=index)]
        for one in wanted:
            name, equals, version = one.partition("==")
            lines.append(f'{name} = "{equals}{version or "*"}"\n')
        (self.folder / "Pipfile").write_text("".join(lines))

    def _pipenv(self, *arguments: str, env: Environment = None) -> Outcome:
        active = {
            **virtual(self.folder, self.client.python),
            "PIPENV_VERBOSITY": "-1",
            "PIPENV_NOSPIN": "1",
        }
        return self.client.run(*arguments, cwd=self.folder, env={**active, **(env or {})})
