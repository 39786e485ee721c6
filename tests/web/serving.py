"""Any ASGI application behind the real HTTP protocol, in a thread of the test's own process."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from cloche.web.protocol import Protocol

END_SECONDS = 60.0


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve inside the `with`, at the URL that it gives."""
    config = uvicorn.Config(
        app,
        http=Protocol,
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()  # who connects before it is ready waits in the listener's queue
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(END_SECONDS)
            assert not thread.is_alive()
