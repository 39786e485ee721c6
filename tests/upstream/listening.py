"""The fake upstream's four doors: the index, the index on another port, the proxy, the controls."""

from aiohttp import web

from tests.ports import free_port
from tests.upstream.control import control_app
from tests.upstream.model import Ports
from tests.upstream.proxy import Proxy
from tests.upstream.server import Fake
from tests.upstream.world import World

HOST = "127.0.0.1"


class Listening:
    """Listens on four free ports, and can leave the first three and come back to them."""

    def __init__(self) -> None:
        self.ports = Ports(
            main=free_port(), other=free_port(), proxy=free_port(), control=free_port()
        )
        self._fake = Fake()
        self._proxy = Proxy(self._fake)
        self._runners: list[web.AppRunner] = []

    @property
    def world(self) -> World:
        return self._fake.world

    async def open(self) -> None:
        """Take the ports."""
        await _serve(web.AppRunner(control_app(self)), self.ports.control)
        await self.up()

    async def up(self) -> None:
        """Listen on the index's and the proxy's ports; nothing changes if it does."""
        if self._runners:
            return
        index, other = self._runner(), self._runner()
        ports = self.ports
        await _serve(index, ports.main)
        await _serve(other, ports.other)
        await self._proxy.listen(HOST, ports.proxy, (HOST, ports.main))
        self._fake.other = f"http://{HOST}:{ports.other}"
        self._runners = [index, other]

    async def down(self) -> None:
        """Leave the ports, and break every connection on them."""
        runners, self._runners = self._runners, []
        await self._proxy.leave()
        for runner in runners:
            for site in list(runner.sites):
                await site.stop()
            for connection in runner.server.connections if runner.server else ():
                if connection.transport is not None:
                    connection.transport.abort()
            await runner.cleanup()

    async def reset(self) -> None:
        """Begin a new world, and be reachable."""
        self._fake.world.end()
        self._fake.world = World()
        await self.up()

    def _runner(self) -> web.AppRunner:
        return web.AppRunner(self._fake.app(), handler_cancellation=True, access_log=None)


async def _serve(runner: web.AppRunner, port: int) -> None:
    await runner.setup()
    # 500 clients that come at once wait in the backlog, not for a second try of theirs.
    await web.TCPSite(runner, HOST, port, backlog=4096).start()
