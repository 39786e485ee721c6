"""A data directory, an upstream, and the servers that a test puts between them."""

import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.faults.mortal import Arms, Mortal
from tests.faults.scenes import Scene
from tests.faults.store import Store
from tests.faults.wire import false_offers, is_whole
from tests.packages import wheel
from tests.server import ServerFailed
from tests.upstream.controller import Upstream

ACKNOWLEDGED = wheel("acknowledged", "1.0", size=1_500_000)
"""Was uploaded, and answered 200, before anything went wrong; larger than what stays in memory."""
CACHED = wheel("cached", "1.0", size=200_000)
"""Was fetched from upstream before anything went wrong."""
QUIET = {"CLOCHE_SERVER__PREFETCH": "0"}
"""Settings of a server that does nothing but what it is asked: its moments come in one order."""
DEATH = 60.0
"""Seconds after the client's end within which an armed server must have died."""


@dataclass(frozen=True, slots=True)
class Bench:
    folder: Path
    token: str
    upstream: Upstream
    store: Store

    @property
    def arms(self) -> Arms:
        return Arms(self.folder)

    @property
    def temporary(self) -> Path:
        """Where the servers put their temporary files."""
        folder = self.folder / "tmp"
        folder.mkdir(exist_ok=True)
        return folder

    def apart(self, name: str, folder: Path) -> "Bench":
        """The same with one store, the database or the blobs, moved into the folder."""
        usual = self.store
        here = {"database": usual.database, "blobs": usual.blobs}
        here[name] = Path(shutil.move(here[name], folder))
        if name == "database":
            shutil.move(usual.accesses, folder)
        config = self.folder / "cloche.toml"
        config.write_text(
            f'[store]\ndatabase = "sqlite:///{here["database"]}"\n'
            f'blobs = "{here["blobs"].as_uri()}"\n'
        )
        return replace(self, store=Store(usual.data, here["database"], here["blobs"], config))

    def server(
        self, at: str | None = None, *, env: Mapping[str, str] | None = None, **options: Any
    ) -> Mortal:
        """A server on the data: a plain one, or one that dies `at` a moment once it is armed.

        With an empty moment it only writes its moments down.
        """
        arms = self.arms.env(at) if at is not None else {}
        variables = {"TMPDIR": str(self.temporary), **QUIET, **arms, **(env or {})}
        return Mortal(
            self.store.data,
            upstream=self.upstream.simple,
            config=self.store.config,
            env=variables,
            **options,
        )

    def record(self, scene: Scene) -> list[str]:
        """The moments of the scene when nobody dies, in their order."""
        scene.set(self.upstream)
        with self.server(at="") as server:
            scene.approach(server.url)
            self.arms.arm()
            scene.act(server.url, self.token)
            assert scene.went_well
        return self.arms.seen()

    def strike(self, scene: Scene, at: str) -> None:
        """Let the server die at the moment."""
        scene.set(self.upstream)
        with self.server(at=at) as server:
            scene.approach(server.url)
            self.arms.arm()
            scene.act(server.url, self.token)
            try:
                code = server.ended(DEATH)
            except ServerFailed as e:
                e.add_note(f"{at!r} is none of these moments: {self.arms.seen()}")
                raise
            assert code == -signal.SIGKILL, server.log

    def recover(self, scene: Scene) -> None:
        """Start again on what the dead left, and see that nothing is lost, false or left over."""
        self.store.age()
        with self.server() as server:
            self.keeps(server)
            scene.check(server.url)
            self.store.swept()
            scene.check(server.url)
            scene.again(server.url, self.token)
            self.keeps(server)
        self.ends_clean()

    def keeps(self, server: Mortal) -> None:
        """Fail unless all that was there before the fault is there, and whole."""
        for built in (ACKNOWLEDGED, CACHED):
            assert is_whole(server.url, built)
            assert false_offers(server.url, built.project) == []

    def ends_clean(self) -> None:
        """Fail unless the data that no server runs on is sound, and nothing but what is needed."""
        self.store.sweep()
        assert self.store.litter() == set()
        assert self.store.unsound() == []
        assert list(self.temporary.iterdir()) == []
