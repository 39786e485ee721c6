import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from cloche.core import hooks
from cloche.core.hooks import EVENTS, Hook, Told
from cloche.core.journal import Change

AT = datetime(2026, 5, 4, 12, 0, 0, 123456, tzinfo=UTC)
HOOK = Hook(name="chat", url="http://x/", secret=b"s" * 16, events=tuple(EVENTS))
UPLOAD = Told(
    serial=7,
    at=AT,
    who="ann",
    action="file uploaded",
    place="team/dev",
    project="demo",
    version="1.0",
    filename="demo-1.0.tar.gz",
    detail={"size": 5},
)


def test_an_event_is_a_cloud_event() -> None:
    """It has what CloudEvents demands, and all that the entry says."""
    said = json.loads(hooks.body(UPLOAD, "https://cloche.example/"))
    assert {key: value for key, value in said.items() if key != "data"} == {
        "specversion": "1.0",
        "id": "7",
        "source": "https://cloche.example/team/dev",
        "type": "cloche.upload",
        "time": "2026-05-04T12:00:00.123456Z",
        "subject": "demo/demo-1.0.tar.gz",
        "datacontenttype": "application/json",
    }
    assert said["data"] == {
        "serial": 7,
        "action": "file uploaded",
        "index": "team/dev",
        "project": "demo",
        "version": "1.0",
        "filename": "demo-1.0.tar.gz",
        "who": "ann",
        "detail": {"size": 5},
    }


def test_a_server_that_does_not_know_its_address() -> None:
    """Its source is a reference still, and the subject of a version names it."""
    said = json.loads(hooks.body(replace(UPLOAD, filename=None), ""))
    assert (said["source"], said["subject"]) == ("/team/dev", "demo/1.0")


@pytest.mark.parametrize(
    ("action", "detail", "event"),
    [
        (Change.FILE_UPLOADED, {}, "upload"),
        (Change.FILE_UPLOADED, {"from": "dev"}, "push"),
        (Change.FILE_DELETED, {}, "delete"),
        (Change.VERSION_UNYANKED, {}, "yank"),
        (Change.STATUS_REMOVED, {}, "status"),
        (Change.ADMISSION_ENDED, {}, "admission"),
        (Change.PAGE_GONE, {}, "gone"),
        (Change.ADVISORIES_CHANGED, {}, "advisory"),
        (Change.FILE_RECALLED, {}, "recall"),
        (Change.PAGE_CHANGED, {}, None),
        (Change.TOKEN_CREATED, {}, None),
    ],
)
def test_entries_by_their_events(action: Change, detail: dict[str, Any], event: str | None) -> None:
    """Each entry is told by one name; credentials and the cache's own are told to nobody."""
    assert replace(UPLOAD, action=action.value, detail=detail).event == event


def test_the_signature() -> None:
    """Number, time and body are signed together, so that none can be exchanged."""
    content = hooks.body(UPLOAD, "")
    said = hooks.headers(HOOK, UPLOAD, AT, content)
    signed = b"7.%d." % int(AT.timestamp()) + content
    mac = base64.b64encode(hmac.digest(HOOK.secret, signed, hashlib.sha256)).decode()
    assert said == {
        "Content-Type": "application/cloudevents+json",
        "webhook-id": "7",
        "webhook-timestamp": str(int(AT.timestamp())),
        "webhook-signature": f"v1,{mac}",
    }
    other = hooks.headers(HOOK, replace(UPLOAD, serial=8), AT, content)
    assert other["webhook-signature"] != said["webhook-signature"]


def test_an_example_of_the_standard() -> None:
    """The example that Standard Webhooks gives has the signature that it gives."""
    key = hooks.key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    content = b'{"test": 2432232314}'
    signed = b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330." + content
    mac = base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    assert mac == b"g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_keys() -> None:
    """A secret is its own bytes, unless it says that it is base64."""
    assert hooks.key("plain words") == b"plain words"
    assert hooks.key("whsec_AAEC") == b"\x00\x01\x02"
    with pytest.raises(ValueError, match=r"base64|padding"):
        hooks.key("whsec_?")
