import shlex

import pytest

from cloche.web.ui import commands


@pytest.mark.parametrize(
    "base",
    ["https://pkg.test", "http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"],
)
def test_pip_needs_no_trust_on_loopback_or_over_https(base: str) -> None:
    """No line weakens pip's checks where they do not stand in the way."""
    assert "trusted-host" not in str(commands.installing(base) + commands.settling(base))


def test_pip_is_told_to_trust_plain_http_from_elsewhere() -> None:
    """The lines say what pip must be told, or else it ignores such an index."""
    pip, _ = commands.installing("http://pkg.test:8080/team", "acme")

    assert "--trusted-host pkg.test:8080 acme" in pip.line
    assert [each.line for each in commands.settling("http://pkg.test:8080/team")] == [
        "pip config set global.index-url http://pkg.test:8080/team/simple/",
        "pip config set global.trusted-host pkg.test:8080",
        "export UV_DEFAULT_INDEX=http://pkg.test:8080/team/simple/",
    ]


@pytest.mark.parametrize("base", ["http://[::1]:8080", "http://a;b&c", "http://$(x)`y`'z"])
def test_a_url_is_one_word_to_the_shell(base: str) -> None:
    """Whatever the URL has in it, a shell reads it back as it is."""
    for command in commands.installing(base) + commands.uploading(base):
        assert any(word.startswith(base) for word in shlex.split(command.line))
