"""XML-RPC's bytes."""

from xmlrpc.client import Fault, dumps

import pytest

from cloche.core.marshalled import HasDoctype, Unreadable, unmarshalled

BOMB = b'<!DOCTYPE a [<!ENTITY b "bb">]><methodResponse><params/></methodResponse>'


def test_a_call() -> None:
    """A call has a method, and parameters of any kind."""
    body = dumps((7, {"a": [True, None]}), "search", allow_none=True).encode()
    assert unmarshalled(body) == ("search", (7, {"a": [True, None]}))


def test_a_response() -> None:
    """A response has values, and no method."""
    assert unmarshalled(dumps((12,), methodresponse=True).encode()) == (None, (12,))


@pytest.mark.parametrize(
    "body",
    [
        dumps(Fault(1, "no")).encode(),
        b"",
        b"<html>",
        b"\xff",
        b"<methodResponse><params><param><value><int>x</int></value></param></params>",
    ],
)
def test_what_is_none(body: bytes) -> None:
    """A fault, or anything else, is refused."""
    with pytest.raises(Unreadable):
        unmarshalled(body)


def test_a_document_type() -> None:
    """A document type is refused as such, before any of its entities."""
    with pytest.raises(HasDoctype):
        unmarshalled(BOMB)
