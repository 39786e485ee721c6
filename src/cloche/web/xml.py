"""XML-RPC's bytes: a call read, a response written. Nothing is imported until one comes: 15 ms."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cloche.core.errors import BadRequest
from cloche.core.marshalled import HasDoctype, Unreadable, unmarshalled
from cloche.core.roots import Listed

MAX_INT = 2**31 - 1
PARSE_ERROR, NO_METHOD, BAD_PARAMETERS, FAILED = -32700, -32601, -32602, 1

_UNWRITABLE = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2
_HEAD = "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value>"
_END = "</value>\n</param>\n</params>\n</methodResponse>\n"


class Fault(Exception):
    """What a call is answered when it cannot be followed; not an error of HTTP."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def read(body: bytes) -> tuple[str, tuple[Any, ...]]:
    """The method and the parameters of a call. Raise BadRequest when it is none."""
    try:
        method, parameters = unmarshalled(body)
    except HasDoctype:
        raise BadRequest("this XML has a document type; send an XML-RPC call without one") from None
    except Unreadable as e:
        raise BadRequest(f"this is no XML-RPC call ({e}); send one") from None
    if not method:
        raise BadRequest("this XML-RPC call names no method; send one that does")
    return method, parameters


def response(result: Any) -> bytes:
    """Write what a method returns; what XML-RPC cannot say is said as nearly as it can."""
    from xmlrpc.client import dumps  # noqa: PLC0415

    return dumps((_sayable(result),), methodresponse=True, allow_none=True).encode()


def fault(said: Fault) -> bytes:
    from xmlrpc.client import Fault as Told  # noqa: PLC0415
    from xmlrpc.client import dumps  # noqa: PLC0415

    return dumps(Told(said.code, _text(said.sentence)), methodresponse=True).encode()


def names(stretches: Iterator[Listed]) -> Iterator[bytes]:
    """Write an array of all names, a stretch at a time."""
    yield f"{_HEAD}<array><data>\n".encode()
    for some in stretches:
        yield "".join(f"<value><string>{name}</string></value>\n" for name in some).encode()
    yield f"</data></array>{_END}".encode()


def serials(stretches: Iterator[Listed]) -> Iterator[bytes]:
    """Write a struct of all names and their serials, a stretch at a time."""
    yield f"{_HEAD}<struct>\n".encode()
    for some in stretches:
        yield "".join(
            f"<member><name>{name}</name><value>{_number(serial)}</value></member>\n"
            for name, serial in some.items()
        ).encode()
    yield f"</struct>{_END}".encode()


def _number(value: int) -> str:
    return f"<int>{value}</int>" if value <= MAX_INT else f"<double>{float(value)!r}</double>"


def _sayable(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return {_text(str(key)): _sayable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_sayable(each) for each in value]
    if isinstance(value, int) and not -MAX_INT <= value <= MAX_INT:
        return float(value)
    return value


def _text(value: str) -> str:
    return _UNWRITABLE.sub("?", value)
