"""A multipart form read as it comes: small fields to memory, the file to disk, all bounded."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import (
    MultipartParser,
    parse_options_header,
)

from cloche.core.errors import BadUpload, TooLarge
from cloche.ports import Scratch
from cloche.web.linefeeds import Linefeeds, ends_lines_so

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks  # exists for type checkers only

MAX_FIELDS_BYTES = 32 << 20  # a long description, and every classifier there is
MAX_AROUND = 2 * MAX_FIELDS_BYTES  # bytes of a body that are not the file: parts' heads too
MAX_PARTS = 20_000
MAX_HEADER = 16 << 10
_AROUND_BOUNDARY = len(b"\r\n--\r\n")
FLUSH = 1 << 20  # bytes of the file that are gathered before they are written


USUAL = 200  # bytes of a header that is read once and remembered: forms name the same fields


@dataclass
class Form:
    """What was read: text fields by name, and the name that the file part states."""

    fields: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    filename: str | None = None


class FormReader:
    """Reads one form. File parts other than those named in `file_parts` are read as fields."""

    def __init__(
        self, content_type: str, scratch: Scratch, file_parts: set[str], most: int
    ) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            said = content_type or "of no type"
            raise BadUpload([f"the body is {said}; uploads are multipart/form-data"])
        self.form = Form()
        self._scratch = scratch
        self._file_parts = file_parts
        self._most = most
        self._boundary = options[b"boundary"]
        self._parser = MultipartParser(self._boundary, self._callbacks())
        self._pending = bytearray()
        self._size = self._fields_size = self._parts = 0
        self._ended = False
        self._begin()

    def check_length(self, length: int) -> None:
        """Raise TooLarge when a body of so many bytes cannot be taken, whatever is in it."""
        if length > self._most + MAX_AROUND:
            raise TooLarge(
                f"the upload is larger than {self._most} bytes, the most that max_upload allows "
                "for a file here"
            )

    async def read(self, body: AsyncIterator[bytes]) -> Form:
        """Read to the end. Raise BadUpload when it is no form, TooLarge, StorageFull."""
        try:
            async for chunk in self._as_promised(self._bounded(body)):
                self._parser.write(chunk)
                if len(self._pending) >= FLUSH:
                    await self._flush()
            self._parser.finalize()
        except MultipartParseError as e:
            raise BadUpload([f"the body is not a sound multipart form ({e}); send it again"]) from e
        if not self._ended:
            raise BadUpload(["the body ends in the middle of the form; send it again"])
        await self._flush()
        return self.form

    async def _bounded(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        length = 0
        async for chunk in body:
            length += len(chunk)
            self.check_length(length)
            yield chunk

    async def _as_promised(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The body with line ends as they should be, whoever wrote it."""
        beginning = b""
        async for chunk in body:
            beginning += chunk
            if len(beginning) > len(self._boundary) + _AROUND_BOUNDARY:
                break
        if not ends_lines_so(beginning, self._boundary):
            yield beginning
            async for chunk in body:
                yield chunk
            return
        lines = Linefeeds(self._boundary)
        yield lines.feed(beginning)
        async for chunk in body:
            yield lines.feed(chunk)
        yield lines.end()

    async def _flush(self) -> None:
        if self._pending:
            await self._scratch.write(bytes(self._pending))
            self._pending.clear()

    def _callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._head(self._key, data[start:end]),
            "on_header_value": lambda data, start, end: self._head(self._value, data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": lambda data, start, end: self._data(data[start:end]),
            "on_part_end": self._part_end,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._key, self._value = bytearray(), bytearray()
        self._disposition = b""
        self._name = ""
        self._text = bytearray()
        self._is_file = False

    def _head(self, part: bytearray, data: bytes) -> None:
        part += data
        if len(part) > MAX_HEADER:
            raise TooLarge(f"a header inside the form is longer than {MAX_HEADER} bytes")

    def _header_end(self) -> None:
        if self._key.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._key.clear()
        self._value.clear()

    def _headers_finished(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise TooLarge(f"the form has more than {MAX_PARTS} parts")
        options = _options(self._disposition)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        filename = options.get(b"filename")
        self._is_file = filename is not None and self._name in self._file_parts
        if self._is_file and filename is not None:
            if self.form.filename is not None:
                raise BadUpload(["the form has more than one file; upload them one by one"])
            self.form.filename = filename.decode("utf-8", "replace")

    def _data(self, data: bytes) -> None:
        if self._is_file:
            self._pending += data
            self._size += len(data)
            if self._size > self._most:
                raise TooLarge(
                    f"{self.form.filename} is larger than {self._most} bytes, the most that "
                    "max_upload allows here"
                )
        else:
            self._text += data
            self._fields_size += len(data)
            if self._fields_size > MAX_FIELDS_BYTES:
                raise TooLarge(f"the form's fields are larger than {MAX_FIELDS_BYTES} bytes")

    def _part_end(self) -> None:
        if not self._is_file:
            self.form.fields[self._name].append(self._text.decode("utf-8", "replace"))
        self._begin()

    def _end(self) -> None:
        self._ended = True


def _options(disposition: bytes) -> Mapping[bytes, bytes]:
    if len(disposition) <= USUAL:
        return _usual_options(disposition)
    return parse_options_header(disposition)[1]


@lru_cache(maxsize=256)
def _usual_options(disposition: bytes) -> Mapping[bytes, bytes]:
    return parse_options_header(disposition)[1]
