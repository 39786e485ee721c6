"""Generated configurations: what may be written in one."""

import pytest

from cloche.core.errors import BadSetting
from cloche.core.server_config import render

KINDS = ("nginx", "apache")


@pytest.mark.parametrize("kind", KINDS)
def test_folder_and_address(kind: str) -> None:
    """The folder and the address are in it, and no placeholder is left."""
    text = render(kind, "/srv/py-pi", listen="127.0.0.1:8080")

    assert "/srv/py-pi" in text
    assert "127.0.0.1:8080" in text
    assert "@" not in text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("said", ['/srv/"; }', "/srv/$x", "/srv/a\nb", "/srv/a;b", "/srv/%{x}"])
def test_what_would_be_read_as_more(kind: str, said: str) -> None:
    """A name that a server would take for more than a name is refused."""
    for folder, listen in ((said, "80"), ("/srv", said)):
        with pytest.raises(BadSetting):
            render(kind, folder, listen=listen)
