"""RFC 7617, Basic authentication, with what RFC 9110, section 11, says of any scheme."""

import base64
import re

import pytest

from tests.packages import wheel
from tests.server import Cloche, Reply
from tests.standards.offers import JSON, Offers
from tests.web.forms import upload
from tests.web.tokens import basic

CLOSED = "/team/dev/simple/"


def ask(server: Cloche, authorization: str | None = None) -> Reply:
    said = {"Authorization": authorization} if authorization is not None else {}
    return server.get(CLOSED, {"Accept": JSON, **said})


def encoded(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def challenge(reply: Reply) -> dict[str, str]:
    """The parameters of the one challenge, which is Basic's."""
    assert reply.status == 401
    scheme, _, rest = reply.headers["www-authenticate"].partition(" ")
    assert scheme.lower() == "basic"
    return dict(re.findall(r'(\w+)="([^"]*)"', rest))


def test_unauthorised_is_challenged(server: Cloche) -> None:
    """A server generating a 401 "MUST send a WWW-Authenticate header field containing at least one
    challenge" (RFC 9110, 15.5.2); Basic's realm "is REQUIRED" (2).
    """
    assert challenge(ask(server))["realm"]


def test_charset_is_utf_8(server: Cloche) -> None:
    """The charset parameter says which encoding the server expects; "the only allowed value is
    UTF-8" (2.1).
    """
    assert challenge(ask(server))["charset"].upper() == "UTF-8"


def test_upload_is_challenged(hosted: Offers) -> None:
    """The same holds of an upload without credentials."""
    assert challenge(upload(hosted.server.url, wheel(hosted.name, "1.0"), None))["realm"]


def test_a_file_is_challenged(hosted: Offers) -> None:
    """The realm is the server's: a file of a closed index asks as its page does."""
    built = wheel(hosted.name, "1.0")
    assert upload(hosted.server.url, built, hosted.token, "/team/dev/legacy/").status == 200
    path = f"/packages/team/dev/{hosted.name}/{built.sha256}/{built.filename}"

    for place in (path, f"{path}.metadata", f"{CLOSED}{hosted.name}/"):
        assert challenge(hosted.server.get(place)) == challenge(ask(hosted.server))
    assert hosted.server.get(path, basic(hosted.token)).body == built.content


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_scheme_is_case_insensitive(server: Cloche, token: str, scheme: str) -> None:
    """Both scheme and parameter names "are matched case-insensitively" (2)."""
    assert ask(server, f"{scheme} {encoded(f'__token__:{token}')}").status == 200


def test_spaces_before_the_credentials(server: Cloche, token: str) -> None:
    """Credentials are `auth-scheme 1*SP token68` (RFC 9110, 11.4)."""
    assert ask(server, f"Basic   {encoded(f'__token__:{token}')}").status == 200


@pytest.mark.parametrize("user", ["", "me", "Zoë", "a b", "__token__"])
def test_any_user_id_without_a_colon(server: Cloche, token: str, user: str) -> None:
    """The user-id is what stands before "the first colon", in UTF-8 if it is not ASCII (2.1)."""
    assert ask(server, f"Basic {encoded(f'{user}:{token}')}").status == 200


@pytest.mark.parametrize("password", ["wrong", "", ":", "a:b", "pass\u00e9"])
def test_wrong_password_is_challenged_again(server: Cloche, token: str, password: str) -> None:
    """If the credentials are not acceptable the server "SHOULD" answer 401 with a fresh challenge
    (RFC 9110, 11.4); the password may hold any character, colons too (2).
    """
    assert challenge(ask(server, f"Basic {encoded(f'__token__:{password}')}"))
    assert challenge(ask(server, f"Basic {encoded(f'{token}:{password}')}"))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic é",
        f"Basic {encoded('no-colon')}",
        f"Basic {encoded(bytes([0xFF, 0xFE, 0x3A]))}",
        "Digest username=x",
        "Negotiate YII=",
    ],
)
def test_what_is_no_credential_is_challenged(server: Cloche, header: str) -> None:
    """Credentials that cannot be parsed are partial or invalid: 401, never an accident."""
    assert challenge(ask(server, header))


@pytest.mark.parametrize("control", ["\x00", "\x07", "\x1f", "\x7f"])
def test_control_characters_never_match(server: Cloche, token: str, control: str) -> None:
    """The user-id and password "MUST NOT contain any control characters" (2)."""
    pair = f"__token__:{token[:10]}{control}{token[10:]}"

    assert ask(server, f"Basic {encoded(pair)}").status == 401


def test_insufficient_credentials_are_not_challenged(
    server: Cloche, hosted: Offers, readers_token: str
) -> None:
    """Valid credentials "not adequate to gain access" are 403 (RFC 9110, 11.4)."""
    reply = upload(server.url, wheel(hosted.name, "1.0"), readers_token)

    assert reply.status == 403
    assert "www-authenticate" not in reply.headers


def test_private_answers_are_not_for_shared_caches(server: Cloche, token: str) -> None:
    """A shared cache must not store answers to requests with Authorization unless told so (RFC
    9111, 3.5): these say private.
    """
    reply = server.get(CLOSED, {"Accept": JSON, **basic(token)})

    assert reply.status == 200
    assert "private" in reply.headers["cache-control"]
