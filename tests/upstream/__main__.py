"""Runs the fake upstream until its standard input ends, so it never outlives who started it."""

import asyncio
import sys

import msgspec

from tests.upstream.listening import Listening


async def main() -> None:
    """Print the ports as one line of JSON, and serve."""
    listening = Listening()
    await listening.open()
    sys.stdout.write(msgspec.json.encode(listening.ports).decode() + "\n")
    sys.stdout.flush()
    await _end_of_input()


async def _end_of_input() -> None:
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    await reader.read()


if __name__ == "__main__":
    asyncio.run(main())
