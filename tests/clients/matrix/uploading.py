"""What a client that uploads is asked to do, one function a column."""

import re
from collections.abc import Callable, Mapping

from tests.clients.client import Outcome
from tests.clients.evidence import listed
from tests.clients.matrix.installing import WRONG_TOKEN, told, write_netrc
from tests.clients.matrix.keyring import keep
from tests.clients.matrix.kitchen import Kitchen
from tests.clients.matrix.model import Finding, Uploader, Uploading

USER = "__token__"


def upload(client: Uploader, kitchen: Kitchen) -> Finding:
    """What a client uploads is listed at once, byte for byte."""
    client.build()
    return _uploads(client, kitchen, _upload(client, kitchen, kitchen.uploading))


def again(client: Uploader, kitchen: Kitchen) -> Finding:
    """The same bytes again are a success."""
    upload(client, kitchen)
    return _uploads(client, kitchen, _upload(client, kitchen, kitchen.uploading))


def skip(client: Uploader, kitchen: Kitchen) -> Finding:
    """By the client's own means, what is there already is passed over, and it says so."""
    upload(client, kitchen)
    before = client.built()
    if client.skips_other_bytes:
        client.build("other = True\n")
    outcome = client.skip(kitchen.server, USER, kitchen.uploading)
    assert outcome.code == 0, outcome.output
    assert re.search("exist|skip", outcome.words, re.IGNORECASE), outcome.output
    assert listed(kitchen.server, client.distribution) == before
    return Finding.YES


def by_netrc(client: Uploader, kitchen: Kitchen) -> Finding:
    """The token may be in ~/.netrc."""
    client.build()
    write_netrc(client.client, kitchen.server.legacy, kitchen.uploading)
    return _uploads(client, kitchen, _upload(client, kitchen, None))


def by_keyring(client: Uploader, kitchen: Kitchen) -> Finding:
    """The token may be in the keyring."""
    client.build()
    service = client.service(kitchen.server.legacy)
    env = keep(client.client, service, USER, kitchen.uploading)
    return _uploads(client, kitchen, client.upload(kitchen.server.legacy, USER, None, env=env))


def wrong(client: Uploader, kitchen: Kitchen) -> Finding:
    """A token that nobody made uploads nothing."""
    client.build()
    outcome = _upload(client, kitchen, WRONG_TOKEN)
    assert kitchen.server.get(f"/simple/{client.distribution}/").status == 404
    return _fails(outcome, 401, "this token is unknown, expired or revoked")


def forbidden(client: Uploader, kitchen: Kitchen) -> Finding:
    """A token for reading uploads nothing."""
    client.build()
    outcome = _upload(client, kitchen, kitchen.reading)
    assert kitchen.server.get(f"/simple/{client.distribution}/").status == 404
    return _fails(outcome, 403, "may not upload in index main")


def taken(client: Uploader, kitchen: Kitchen) -> Finding:
    """Other bytes under a name that is taken are refused."""
    upload(client, kitchen)
    before = client.built()
    client.build("other = True\n")
    outcome = _upload(client, kitchen, kitchen.uploading)
    assert listed(kitchen.server, client.distribution) == before
    return _fails(outcome, 409, "File already exists")


CELLS: Mapping[Uploading, Callable[[Uploader, Kitchen], Finding]] = {
    Uploading.UPLOAD: upload,
    Uploading.AGAIN: again,
    Uploading.SKIP: skip,
    Uploading.NETRC: by_netrc,
    Uploading.KEYRING: by_keyring,
    Uploading.WRONG: wrong,
    Uploading.FORBIDDEN: forbidden,
    Uploading.TAKEN: taken,
}


def _upload(client: Uploader, kitchen: Kitchen, password: str | None) -> Outcome:
    return client.upload(kitchen.server.legacy, USER, password)


def _uploads(client: Uploader, kitchen: Kitchen, outcome: Outcome) -> Finding:
    assert outcome.code == 0, outcome.output
    assert client.built()
    assert listed(kitchen.server, client.distribution) == client.built()
    return Finding.YES


def _fails(outcome: Outcome, status: int, sentence: str) -> Finding:
    assert outcome.code != 0, outcome.output
    return told(outcome, status, sentence)
