"""Every lock format on samples of one meal; the clients' own locks are read in tests/clients."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloche.core.errors import BadRequest
from cloche.core.locks import FORMATS, reader
from cloche.core.wants import Named, Wants

A, B = "aa" * 32, "bb" * 32
WHEEL, SDIST = "salt-1.0-py3-none-any.whl", "salt-1.0.tar.gz"
WANTED = (
    Named(filename=WHEEL, hashes=(("sha256", A),)),
    Named(filename=SDIST, hashes=(("sha256", B),)),
)

UV = f"""
version = 1
revision = 3
requires-python = ">=3.11"
[[package]]
name = "salt"
version = "1.0"
source = {{ registry = "http://elsewhere/simple/" }}
sdist = {{ url = "http://elsewhere/x/{SDIST}", hash = "sha256:{B}", size = 3 }}
wheels = [{{ url = "http://elsewhere/y/{WHEEL}", hash = "sha256:{A}", upload-time = "2026" }}]
[[package]]
name = "table"
version = "0"
source = {{ virtual = "." }}
[[package]]
name = "pepper"
version = "2.0"
source = {{ git = "https://elsewhere/pepper?rev=1#abc" }}
"""
PYLOCK = f"""
lock-version = "1.0"
created-by = "x"
[[packages]]
name = "salt"
version = "1.0"
marker = "os_name == 'nt'"
index = "http://elsewhere/simple/"
wheels = [{{ url = "http://elsewhere/y/{WHEEL}", hashes = {{ sha256 = "{A}" }} }}]
sdist = {{ name = "{SDIST}", path = "x/other.tar.gz", hashes = {{ sha256 = "{B}" }} }}
[[packages]]
name = "table"
directory = {{ path = "." }}
[[packages]]
name = "pepper"
version = "2.0"
vcs = {{ type = "git", url = "https://elsewhere/pepper", commit-id = "abc" }}
"""
POETRY = f"""
[[package]]
name = "salt"
version = "1.0"
optional = false
files = [
  {{ file = "{WHEEL}", hash = "sha256:{A}" }},
  {{ file = "{SDIST}", hash = "sha256:{B}" }},
]
markers = "os_name == 'nt'"
[package.source]
type = "legacy"
url = "http://elsewhere/simple"
[[package]]
name = "table"
version = "0"
files = []
[package.source]
type = "directory"
url = "."
[[package]]
name = "pepper"
version = "2.0"
files = []
markers = {{ main = "os_name == 'nt'" }}
[package.source]
type = "git"
url = "https://elsewhere/pepper"
[metadata]
lock-version = "2.1"
"""
POETRY_1 = f"""
[[package]]
name = "salt"
version = "1.0"
[metadata]
lock-version = "1.1"
[metadata.files]
salt = [{{ file = "{WHEEL}", hash = "sha256:{A}" }}, {{ file = "{SDIST}", hash = "sha256:{B}" }}]
"""
PDM = f"""
[metadata]
lock_version = "4.5.0"
[[package]]
name = "salt"
version = "1.0"
marker = "os_name == 'nt'"
files = [
  {{ url = "http://elsewhere/y/{WHEEL}", hash = "sha256:{A}" }},
  {{ file = "{SDIST}", hash = "sha256:{B}" }},
]
[[package]]
name = "table"
version = "0"
path = "./table"
[[package]]
name = "pepper"
version = "2.0"
git = "https://elsewhere/pepper"
"""
PDM_OLD = f"""
[[package]]
name = "salt"
version = "1.0"
[metadata.files]
"salt 1.0" = [
  {{ url = "http://x/{WHEEL}", hash = "sha256:{A}" }}, {{ file = "{SDIST}", hash = "sha256:{B}" }},
]
"""
PIPFILE = json.dumps(
    {
        "_meta": {"hash": {"sha256": A}, "pipfile-spec": 6, "sources": [{"url": "http://x/"}]},
        "default": {
            "salt": {
                "hashes": [f"sha256:{A}", f"sha256:{B}"],
                "index": "x",
                "markers": "os_name == 'nt'",
                "version": "==1.0",
            },
            "table": {"editable": True, "path": "."},
        },
        "develop": {"pepper": {"git": "https://elsewhere/pepper", "ref": "abc"}},
    }
)
SAMPLES = [
    ("uv.lock", UV),
    ("pylock.toml", PYLOCK),
    ("pylock.dev.toml", PYLOCK),
    ("poetry.lock", POETRY),
    ("poetry.lock", POETRY_1),
    ("pdm.lock", PDM),
    ("pdm.lock", PDM_OLD),
    ("Pipfile.lock", PIPFILE),
]
MODULES = [each.__name__.rpartition(".")[2] for each in FORMATS]


def wants(name: str, text: str) -> Wants:
    read = reader(name)
    assert read is not None
    return read(text)


@pytest.mark.parametrize(("name", "text"), SAMPLES)
def test_the_files_of_what_an_index_has(name: str, text: str) -> None:
    """A locked package is a want for exactly its files, whatever index the lock names."""
    (want,) = wants(name, text).wants

    assert (want.project, want.says) == ("salt", "salt 1.0")
    hashes = [file.hashes for file in want.files]
    assert hashes == [file.hashes for file in WANTED]
    if name != "Pipfile.lock":  # it has no filenames
        assert want.files == WANTED


@pytest.mark.parametrize(("name", "text"), [s for s in SAMPLES if "pepper" in s[1]])
def test_what_comes_from_elsewhere(name: str, text: str) -> None:
    """What is locked from a repository is left, and the project's own folder is not even that."""
    (left,) = wants(name, text).left

    assert left.says == "pepper"
    assert "a repository, not from an index" in left.why


@pytest.mark.parametrize("name", ["pylock.toml", "poetry.lock", "pdm.lock", "Pipfile.lock"])
def test_markers(name: str) -> None:
    """A package keeps its marker, for whoever chooses a platform."""
    (want,) = wants(name, dict(SAMPLES[::-1])[name]).wants

    assert str(want.marker) == 'os_name == "nt"'


@pytest.mark.parametrize("name", ["uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock"])
def test_nothing_that_names_a_file(name: str) -> None:
    """A package without any file or hash is left: nothing says what would be the right bytes."""
    text = dict(SAMPLES)[name].replace(A, "").replace(B, "").replace("salt-1.0", ".hidden")

    found = wants(name, text)

    assert found.wants == ()
    assert any("names no file" in left.why for left in found.left)


@pytest.mark.parametrize("name", ["uv.lock", "pylock.toml", "poetry.lock", "pdm.lock"])
@pytest.mark.parametrize("text", ["[", "a" * 9, "package = 1\npackages = 1", "x = " + "[" * 9999])
def test_broken_toml(name: str, text: str) -> None:
    """What is no such lock is refused, by name and reason."""
    with pytest.raises(BadRequest, match=f"no {name} that can be read"):
        wants(name, text)


@pytest.mark.parametrize("text", ["{", "[]", '{"default": 1}', "[" * 99999, '{"a": {"b": []}}'])
def test_broken_json(text: str) -> None:
    """What is no Pipfile.lock is refused, by name and reason."""
    with pytest.raises(BadRequest, match=r"no Pipfile\.lock that can be read"):
        wants("Pipfile.lock", text)


def test_a_later_version() -> None:
    """A uv.lock of a version that is not known is not guessed at."""
    with pytest.raises(BadRequest, match="its version is 2"):
        wants("uv.lock", "version = 2")


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("uv.lock", "uv"),
        ("/srv/app/uv.lock", "uv"),
        ("backend-poetry.lock", "poetry"),
        ("pdm.lock", "pdm"),
        ("Pipfile.lock", "pipfile"),
        ("a/pylock.toml", "pylock"),
        ("pylock.dev.toml", "pylock"),
    ],
)
def test_names(name: str, module: str) -> None:
    """A lock file is known by its name, in whatever folder."""
    found = reader(name)

    assert found is not None
    assert found.__module__.endswith(f".{module}")


@pytest.mark.parametrize("name", ["requirements.txt", "a.b.toml", "pylock.a.b.toml", "uv.lock.txt"])
def test_other_names(name: str) -> None:
    """Other names are no lock file's."""
    assert reader(name) is None


@pytest.mark.parametrize("module", FORMATS, ids=MODULES)
@given(text=st.text(max_size=40))
def test_any_text(module: object, text: str) -> None:
    """Whatever the text, reading ends with wants or with a refusal."""
    try:
        found = module.read(text)  # type: ignore[attr-defined]  # each format has one
    except BadRequest:
        return
    assert isinstance(found, Wants)
