"""What forms want besides an upload: `:action` in all the words that clients know."""

import random

import pytest

from tests.packages import sdist, wheel
from tests.server import Cloche
from tests.web.answers import detail, listed
from tests.web.forms import Part, encode, headers, parts, post, upload
from tests.web.talk import Talk

CLAIMS = [
    Part("metadata_version", b"1.0"),
    Part("name", b"act-one"),
    Part("version", b"1.0"),
    Part("protocol_version", b"1"),
]


def wanting(action: str, *more: Part) -> bytes:
    return encode([*CLAIMS, Part(":action", action.encode()), *more])


@pytest.mark.parametrize("action", ["submit", "submit_pkg_info", "verify"])
def test_register_checks_and_publishes_nothing(server: Cloche, token: str, action: str) -> None:
    """Registering sound metadata succeeds, and makes no project."""
    reply = post(server.url, "/pypi/", wanting(action), headers(token))

    assert (reply.status, b"nothing is wrong" in reply.body) == (200, True)
    assert server.get("/simple/act-one/").status == 404


@pytest.mark.parametrize("action", ["submit", "verify"])
def test_register_never_uploads(server: Cloche, token: str, action: str) -> None:
    """A form that registers publishes nothing, even if it brings a file."""
    built = wheel("act-file", "1.0")

    reply = upload(server.url, built, token, action=action)

    assert reply.status == 200
    assert listed(server, "act-file") == []


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (Part("name", b"-bad-"), "'-bad-' is not a project name"),
        (Part("version", b"one"), "'one' is not one"),
        (Part("requires_python", b"=>3"), "Requires-Python"),
        (Part("requires_dist", b"not a requirement"), "Requires-Dist"),
        (Part("metadata_version", b"9"), "'9'"),
    ],
)
def test_register_tells_what_is_wrong(server: Cloche, token: str, part: Part, words: str) -> None:
    """Metadata that could not be published is refused when it is registered."""
    claims = [each for each in CLAIMS if each.name != part.name]
    body = encode([Part(":action", b"verify"), *claims, part])

    reply = post(server.url, "/pypi", body, headers(token))

    assert reply.status == 400
    assert words in detail(reply)


def test_verify_needs_no_token(server: Cloche) -> None:
    """Metadata is checked for whoever may read, as `register` asks without credentials."""
    assert post(server.url, "/pypi", wanting("verify"), headers()).status == 200
    assert post(server.url, "/closed/legacy/", wanting("verify"), headers()).status == 401


def test_nothing_else_goes_without_a_token(server: Cloche) -> None:
    """Without a token every other form is 401, and says the realm that distutils waits for."""
    built = wheel("act-anonymous", "1.0")
    forms = [encode(parts(built)), wanting("submit"), wanting("doc_upload"), b"no form"]

    replies = [post(server.url, "/legacy/", form, headers()) for form in forms]

    assert [reply.status for reply in replies] == [401] * 4
    assert 'realm="pypi"' in replies[1].headers["www-authenticate"]
    assert listed(server, "act-anonymous") == []


def test_large_form_without_a_token_is_not_read(server: Cloche) -> None:
    """A form that is too large to be a question is refused before it is sent."""
    head = "POST /legacy/ HTTP/1.1\r\nHost: x\r\nContent-Length: 99000000\r\n"
    with Talk(server.url) as talk:
        talk.send(head, "Content-Type: multipart/form-data; boundary=x\r\n\r\n")
        assert talk.reply().status == 401


@pytest.mark.parametrize("address", ["/legacy/", "/pypi", "/", "/simple/", "/team/dev/"])
def test_classifiers_by_get(server: Cloche, address: str) -> None:
    """Every address for uploads lists the classifiers, a line each, sorted."""
    reply = server.get(f"{address}?:action=list_classifiers")

    lines = reply.body.decode().splitlines()
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain")
    assert "Programming Language :: Python :: 3" in lines
    assert lines == sorted(lines)


def test_classifiers_by_post(server: Cloche, token: str) -> None:
    """The classifiers may be asked for by a form, too, and need no token where all may read."""
    by_form = post(server.url, "/pypi", wanting("list_classifiers"), headers())

    assert by_form.body == server.get("/pypi?%3Aaction=list_classifiers").body
    assert post(server.url, "/", wanting("list_classifiers"), headers(token)).status == 200


def test_closed_index_answers_no_question(server: Cloche) -> None:
    """Who may not read an index asks it nothing."""
    assert server.get("/closed/legacy/?:action=list_classifiers").status == 401


def test_other_questions_by_get(server: Cloche) -> None:
    """An action that is not for GET is told so."""
    reply = server.get("/legacy/?:action=file_upload")

    assert reply.status == 400
    assert "list_classifiers" in detail(reply)


def test_addresses_without_a_question_are_as_ever(server: Cloche) -> None:
    """Where nothing is asked, GET answers what it always did."""
    assert server.get("/legacy/").status == 405
    assert b"act-never" not in server.get("/simple/").body
    assert server.get("/?q=x").headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("action", ["user", "password_reset"])
def test_accounts_are_refused(server: Cloche, token: str, action: str) -> None:
    """Who wants an account by `register` is told where tokens come from."""
    reply = post(server.url, "/pypi", wanting(action), headers(token))

    assert reply.status == 403
    assert "cloche token create" in detail(reply)


def test_unknown_action(server: Cloche, token: str) -> None:
    """An action that nobody knows is refused with those that are known."""
    reply = post(server.url, "/legacy/", wanting("remove_pkg"), headers(token))

    assert reply.status == 400
    assert "'remove_pkg'" in detail(reply)
    assert "file_upload" in detail(reply)


def test_two_actions(server: Cloche, token: str) -> None:
    """A form that wants two things is refused: it would be done half."""
    form = [Part(":action", b"verify"), *parts(wheel("act-two", "1.0"))]

    assert post(server.url, "/legacy/", encode(form), headers(token)).status == 400
    assert listed(server, "act-two") == []


@pytest.mark.parametrize("seed", range(5))
def test_action_stands_anywhere(server: Cloche, token: str, seed: int) -> None:
    """`:action` is found wherever it stands in the form."""
    form = [*CLAIMS, Part(":action", b"submit"), Part("summary", b"x")]
    random.Random(seed).shuffle(form)  # noqa: S311 - the same order each time is the point

    assert post(server.url, "/legacy/", encode(form), headers(token)).status == 200


def test_doubts_about_a_good_upload(server: Cloche, token: str) -> None:
    """A published file's odd classifiers are told, a line each, and keep nothing back."""
    said = ["Natural Language :: English", "Topic :: Cheese", "Natural Language :: Ukranian"]
    built = sdist("act-doubts", "1.0", fields=[("Classifier", each) for each in said])

    reply = upload(server.url, built, token, classifiers=said)

    done, *warnings = reply.body.decode().splitlines()
    assert (reply.status, done) == (200, f"published {built.filename}")
    assert [("'Topic :: Cheese'" in each, "deprecated" in each) for each in warnings] == [
        (True, False),
        (False, True),
    ]
    assert listed(server, "act-doubts") == [built.filename]
