"""`[webhook.NAME]`: what it comes to, and what is wrong with it."""

from pathlib import Path
from typing import Any

import pytest

from cloche.config import load
from cloche.core.errors import BadSetting
from cloche.core.hooks import EVENTS, Hook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - Standard Webhooks' example


def hook(folder: Path, **said: Any) -> Hook:
    table = {"url": "https://hooks.example/x", "secret": SECRET, **said}
    flags = {f"webhook.chat.{key}": value for key, value in table.items()}
    (found,) = load(data=folder, flags=flags, environ={}).webhooks
    return found


def test_without_more(tmp_path: Path) -> None:
    """An address and a secret suffice: all events of all indexes, for three days."""
    found = hook(tmp_path)
    assert (found.name, found.events, found.indexes) == ("chat", tuple(EVENTS), ())
    assert (len(found.secret), found.give_up) == (24, 72)


def test_with_more(tmp_path: Path) -> None:
    """Events and indexes are those that are named."""
    found = hook(tmp_path, events=["gone"], indexes=["main"], url="http://10.0.0.1:8080/")
    assert (found.events, found.indexes) == (("gone",), ("main",))
    assert found.actions == ["page gone"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"url": "hooks.example"}, "webhook.chat.url is no address"),
        ({"url": "ftp://hooks.example/"}, "webhook.chat.url is no address"),
        ({"url": "http://[x/"}, "webhook.chat.url is no address"),
        ({"secret": "short"}, "fewer than 16 bytes"),
        ({"secret": "whsec_AAEC"}, "fewer than 16 bytes"),
        ({"secret": "whsec_not base64 at all"}, "no base64 behind whsec_"),
        ({"events": ["uplaod"]}, "did you mean upload"),
        ({"indexes": ["mian"]}, "did you mean main"),
        ({"give_up": 0}, "webhook.chat.give_up"),
        ({"hours": 3}, "unknown key webhook.chat.hours"),
    ],
)
def test_what_is_wrong(tmp_path: Path, said: dict[str, Any], words: str) -> None:
    """Each mistake is named with its key and its cure, and never the secret."""
    with pytest.raises(BadSetting, match=words) as found:
        hook(tmp_path, **said)
    assert str(said.get("secret", SECRET)) not in str(found.value)
