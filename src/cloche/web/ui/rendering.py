"""Makes HTML of one description: a program of its own, run as `rendering.py KIND`.

Whoever wrote the description can keep its renderer busy: 176 kB of unclosed code blocks take it
7 s, growing with the square, without ever letting another thread run; nested substitutions eat
memory. So it happens in a process that can be killed and has limits. It reads standard input,
writes sanitised HTML, and fails when there is none to write.
"""

import resource
import sys
from contextlib import suppress
from importlib import import_module

KINDS = {"markdown": "readme_renderer.markdown", "rst": "readme_renderer.rst"}
MAX_MEMORY = 1 << 30
MAX_SECONDS = 10  # of processor time, should nobody be left to stop it
MAX_HTML = 4 << 20


def main(kind: str) -> int:
    _limit()
    html = import_module(KINDS[kind]).render(sys.stdin.buffer.read().decode())
    if not html or len(html) > MAX_HTML:
        return 1
    sys.stdout.buffer.write(html.encode())
    return 0


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))
    with suppress(ValueError, OSError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
