"""setuptools' own register and upload, which are distutils', against a running server."""

from pathlib import Path

import pytest

from tests.clients.client import Client, NewClient
from tests.clients.evidence import digests, listed
from tests.server import Cloche

pytestmark = pytest.mark.clients

SETUP = """
import logging, sys
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
from distutils.core import setup
setup(name="Old.Timer", version="1.0", description="From long ago", py_modules=["old_timer"],
      classifiers=["Topic :: Utilities"], author="Ann", author_email="ann@example.org",
      url="http://example.org/")
"""
PYPIRC = """
[distutils]
index-servers = local

[local]
repository: {repository}
username: __token__
password: {password}
"""


class Setuptools(Client):
    """`python setup.py`, with the distutils that this setuptools brings."""

    @property
    def program(self) -> Path:
        assert self.python.exists(), f"{self.name} is not installed: run scripts/install-clients"
        return self.python


@pytest.fixture
def setuptools(new_client: NewClient, cloche: Cloche) -> Setuptools:
    made = new_client("setuptools71")
    write_pypirc(made.home, f"{cloche.url}/pypi", cloche.first_token)
    (made.home / "setup.py").write_text(SETUP)
    (made.home / "old_timer.py").write_text("__version__ = '1.0'\n")
    return Setuptools(made.name, made.home)


def write_pypirc(home: Path, repository: str, password: str) -> None:
    (home / ".pypirc").write_text(PYPIRC.format(repository=repository, password=password))


def built(setuptools: Setuptools) -> dict[str, str]:
    return digests(setuptools.home / "dist")


def test_register(setuptools: Setuptools, cloche: Cloche) -> None:
    """`setup.py register` succeeds, and makes no project."""
    outcome = setuptools.succeeds("setup.py", "register", "-r", "local")

    assert "Server response (200)" in outcome.words
    assert cloche.get("/simple/old-timer/").status == 404


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_register_tells_what_is_wrong(setuptools: Setuptools, options: tuple[str, ...]) -> None:
    """`setup.py register`, or its dry run without a token, shows why a name would be refused."""
    text = (setuptools.home / "setup.py").read_text().replace("Old.Timer", "Old Timer")
    (setuptools.home / "setup.py").write_text(text)

    outcome = setuptools.run("setup.py", *options, "register", "-r", "local")

    assert "Server response (400)" in outcome.words
    assert "'Old Timer' is not a project name" in outcome.words


def test_verify_needs_no_token(setuptools: Setuptools, cloche: Cloche) -> None:
    """`setup.py --dry-run register` checks the metadata without showing a token."""
    write_pypirc(setuptools.home, f"{cloche.url}/pypi", "cloche_made-up")

    outcome = setuptools.succeeds("setup.py", "--dry-run", "register", "-r", "local")

    assert "Server response (200)" in outcome.words


def test_list_classifiers(setuptools: Setuptools) -> None:
    """`setup.py register --list-classifiers` prints them."""
    outcome = setuptools.succeeds("setup.py", "register", "--list-classifiers", "-r", "local")

    assert "Programming Language :: Python :: 3\n" in outcome.output


@pytest.mark.parametrize("path", ["/pypi", "/legacy/", "/simple/", "/", "/main/"])
def test_upload(setuptools: Setuptools, cloche: Cloche, path: str) -> None:
    """`setup.py register sdist upload` publishes what it has built, at every address."""
    write_pypirc(setuptools.home, cloche.url + path, cloche.first_token)

    outcome = setuptools.succeeds(
        "setup.py", *["register", "-r", "local", "sdist", "upload", "-r", "local"]
    )

    assert outcome.words.count("Server response (200)") == 2, outcome.output
    assert listed(cloche, "old-timer") == built(setuptools)


def test_wrong_password(setuptools: Setuptools, cloche: Cloche) -> None:
    """A wrong password publishes nothing, and setup.py shows why."""
    write_pypirc(setuptools.home, f"{cloche.url}/pypi", "cloche_made-up")

    outcome = setuptools.fails("setup.py", "sdist", "upload", "-r", "local")

    assert outcome.names(401)
    assert "token" in outcome.words
    assert cloche.get("/simple/old-timer/").status == 404


def test_other_bytes_under_the_same_name(setuptools: Setuptools, cloche: Cloche) -> None:
    """Other bytes under a taken name are refused, and setup.py shows that they are."""
    setuptools.succeeds("setup.py", "sdist", "upload", "-r", "local")
    first = built(setuptools)
    (setuptools.home / "old_timer.py").write_text("__version__ = '1.0'\nother = 1\n")

    outcome = setuptools.fails("setup.py", "sdist", "upload", "-r", "local")

    assert "File already exists" in outcome.words
    assert listed(cloche, "old-timer") == first


def test_upload_docs(setuptools: Setuptools, cloche: Cloche) -> None:
    """`setup.py upload_docs` publishes the documentation of an uploaded project."""
    setuptools.succeeds("setup.py", "sdist", "upload", "-r", "local")
    text = (setuptools.home / "setup.py").read_text()
    (setuptools.home / "setup.py").write_text(text.replace("distutils.core", "setuptools"))
    (setuptools.home / "docs").mkdir()
    (setuptools.home / "docs" / "index.html").write_bytes(b"<h1>Old Timer</h1>\r\n")

    outcome = setuptools.succeeds(
        *("setup.py", "upload_docs", "--upload-dir", "docs", "-r", "local")
    )

    assert "Server response (200)" in outcome.words
    assert cloche.get("/project/old-timer/docs/").body == b"<h1>Old Timer</h1>\r\n"
