"""A request's body as a file: to the spool as it comes, and bounded."""

from starlette.requests import ClientDisconnect, Request

from cloche.core.errors import BadUpload, TooLarge
from cloche.ports import Scratch
from cloche.web.multipart import FLUSH


async def take(request: Request, filename: str, scratch: Scratch, most: int) -> None:
    """Write the body to `scratch`. Raise TooLarge beyond `most` bytes, BadUpload when it ends."""
    excess = TooLarge(
        f"{filename} is larger than {most} bytes, the most that max_upload allows here"
    )
    if int(request.headers.get("content-length", 0)) > most:
        raise excess
    pending = bytearray()
    size = 0
    try:
        async for chunk in request.stream():
            pending += chunk
            size += len(chunk)
            if size > most:
                raise excess
            if len(pending) >= FLUSH:
                await scratch.write(bytes(pending))
                pending.clear()
    except ClientDisconnect:
        raise BadUpload(["the connection ended before the file did; send it again"]) from None
    await scratch.write(bytes(pending))
