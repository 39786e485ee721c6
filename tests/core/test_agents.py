"""Which client it was, out of what clients really send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloche.core.agents import MAX_CLIENT, client

PIP = (
    'pip/26.0 {"ci":null,"cpu":"x86_64","distro":{"name":"Debian GNU/Linux","version":"13"},'
    '"implementation":{"name":"CPython","version":"3.12.1"},"installer":{"name":"pip",'
    '"version":"26.0"},"python":"3.12.1","system":{"name":"Linux","release":"6.1.0"}}'
)
UV = (
    'uv/0.13.0 {"installer":{"name":"uv","version":"0.13.0","subcommand":["sync"]},'
    '"python":"3.11.7","implementation":{"name":"PyPy","version":"7.3"},'
    '"system":{"name":"Darwin","release":"24.0"},"ci":null}'
)


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (PIP, "pip 26.0 (Python 3.12.1, Linux)"),
        (PIP.replace('"ci":null', '"ci":true'), "pip 26.0 (Python 3.12.1, Linux, CI)"),
        (UV, "uv 0.13.0 (PyPy 3.11.7, Darwin)"),
        ('uv/0.13.0 {"python":null,"system":null}', "uv 0.13.0"),
        ("poetry/2.1.0 CPython/3.12.1 Linux/6.1.0", "poetry 2.1.0 (Python 3.12.1, Linux)"),
        ("Wget/1.21", "Wget 1.21"),
        ("pip/26.0 {not json", "pip 26.0"),
        ('pip/26.0 {"python":{"a":1}}', "pip 26.0"),
        ("", "unknown"),
        ("(nothing)", "(nothing)"),
        ("\x1b[2J", "?[2J"),
    ],
)
def test_what_clients_say(agent: str, said: str) -> None:
    """Name and version, Python and system, as far as they are told."""
    assert client(agent) == said


@given(st.text())
def test_whatever_is_said(agent: str) -> None:
    """It is one short line that steers no terminal, and never empty."""
    said = client(agent)
    assert said.isprintable()
    assert 0 < len(said) <= MAX_CLIENT
