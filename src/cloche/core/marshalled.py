"""XML-RPC's bytes, read with care. Nothing is imported until some come: 15 ms."""

from typing import Any


class Unreadable(ValueError):
    """What was read is no XML-RPC, or a fault; the message is the kind of trouble."""


class HasDoctype(Unreadable):
    """A document type could declare entities that grow without bound."""


def unmarshalled(body: bytes) -> tuple[str | None, tuple[Any, ...]]:
    """The method of a call, None in a response, and the values of either. Raise Unreadable."""
    from xml.parsers import expat  # noqa: PLC0415
    from xmlrpc.client import Unmarshaller  # noqa: PLC0415

    target = Unmarshaller(use_builtin_types=True)
    parser = expat.ParserCreate(None, None)
    parser.StartElementHandler = target.start
    parser.EndElementHandler = target.end
    parser.CharacterDataHandler = target.data
    parser.StartDoctypeDeclHandler = _refuse
    target.xml(None, None)  # type: ignore[arg-type]  # as its own parser calls it
    try:
        parser.Parse(body, True)  # noqa: FBT003 - expat's signature
        return target.getmethodname(), tuple(target.close())
    except Unreadable:
        raise
    except Exception as e:  # noqa: BLE001 - it fails in many ways on what is out of place
        raise Unreadable(type(e).__name__) from None


def _refuse(*_: object) -> None:
    raise HasDoctype("it has a document type")
