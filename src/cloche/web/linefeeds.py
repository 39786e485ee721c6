"""Forms whose lines end in LF alone, as distutils' `register` and `upload_docs` send them."""

from cloche.core.errors import TooLarge

MAX_LINE = 16 << 10  # bytes of a header inside the form


def ends_lines_so(beginning: bytes, boundary: bytes) -> bool:
    """Whether a form that begins so ends its lines in LF where RFC 2046 demands CRLF."""
    return beginning.lstrip(b"\r\n").startswith(b"--" + boundary + b"\n")


class Linefeeds:
    """Passes a form on with the line ends that RFC 2046 demands, and contents as they are."""

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\n--" + boundary
        self._held = bytearray(b"\n")  # the first delimiter needs none in front of it
        self._in_head = False

    def feed(self, data: bytes) -> bytes:
        """Take what has come; return what is certain of it. Raise TooLarge."""
        self._held += data
        out = bytearray()
        while piece := self._line() if self._in_head else self._content():
            out += piece
        return bytes(out)

    def end(self) -> bytes:
        """What is left when nothing more comes: the last delimiter may end the body."""
        return bytes(self._held)

    def _line(self) -> bytes:
        """The next line of a part's head; the empty one ends the head."""
        at = self._held.find(b"\n")
        if at < 0 and len(self._held) > MAX_LINE:
            raise TooLarge(f"a header inside the form is longer than {MAX_LINE} bytes")
        if at < 0:
            return b""
        self._in_head = at > 0
        return self._taken(at, at + 1) + b"\r\n"

    def _content(self) -> bytes:
        """What is certain to be content; with the delimiter found, all of it and a line end."""
        at = self._held.find(self._delimiter)
        if at < 0:
            certain = max(0, len(self._held) - len(self._delimiter) + 1)
            return self._taken(certain, certain)
        self._in_head = True
        return self._taken(at, at + 1) + b"\r\n"

    def _taken(self, stop: int, after: int) -> bytes:
        piece = bytes(self._held[:stop])
        del self._held[:after]
        return piece
