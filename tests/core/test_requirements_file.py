"""pip's requirements files, and pip's own parser as judge of how lines are put together."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pip._internal.req.req_file import (
    break_args_options,
    ignore_comments,
    join_lines,
)

from cloche.core.errors import BadRequest, TooLarge
from cloche.core.requirements_file import (
    MAX_BYTES,
    MAX_LINE,
    MAX_SPECIFIERS,
    MAX_WORDS,
    decode,
    lines,
    read,
)
from cloche.core.wants import MAX_WANTS, Named

SHA = "ab" * 32
TEXT = st.text(alphabet=st.sampled_from("a=1 -#\\\n;{}$\t'\"r.e/"), max_size=60)


def test_a_frozen_environment() -> None:
    """What `pip freeze` prints is one want a line, in its own words."""
    found = read("Salt==1.0\neggs==1.5 \n")

    assert [(w.project, str(w.specifiers), w.says) for w in found.wants] == [
        ("salt", "==1.0", "Salt==1.0"),
        ("eggs", "==1.5", "eggs==1.5"),
    ]
    assert found.left == []


def test_hashes_name_files() -> None:
    """Each --hash of a requirement, on continued lines too, names one file."""
    found = read(f"salt==1.0 \\\n    --hash=sha256:{SHA} \\\n    --hash sha512:{SHA * 2}\n")

    (want,) = found.wants
    assert want.says == "salt==1.0"
    assert want.files == (
        Named(hashes=(("sha256", SHA),)),
        Named(hashes=(("sha512", SHA * 2),)),
    )


def test_markers_and_extras() -> None:
    """A requirement keeps its marker; its extras ask for nothing of their own."""
    (want,) = read("uvicorn[standard] >=0.3,<1 ; python_version < '3.11'  # why").wants

    assert (want.project, str(want.marker)) == ("uvicorn", 'python_version < "3.11"')
    assert str(want.specifiers) in {">=0.3,<1", "<1,>=0.3"}


@pytest.mark.parametrize(
    "line",
    [
        "--index-url http://elsewhere/simple --extra-index-url=http://other/",
        "-i http://elsewhere/simple",
        "--trusted-host elsewhere",
        "--find-links /srv/wheels",
        "--no-index",
        "--require-hashes",
        "--only-binary :all:",
        "# a comment -r nothing.txt",
        "",
    ],
)
def test_where_to_look_is_passed_over(line: str) -> None:
    """Options that say where and how to look change nothing: an index has its own sources."""
    found = read(line)

    assert found == read("")


def test_other_files_are_named_not_read() -> None:
    """-r and -c, in every spelling, are paths for the caller to judge."""
    found = read("-r a.txt\n-rb.txt\n--requirement=c.txt\n-c d.txt\n--constraint e.txt\n--pre\n")

    assert found.requirements == ["a.txt", "b.txt", "c.txt"]
    assert found.constraints == ["d.txt", "e.txt"]
    assert found.prereleases


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("salt @ http://elsewhere/salt-1.0.tar.gz", "an address of its own"),
        ("git+https://elsewhere/salt.git#egg=salt", "a file or an address"),
        ("./salt", "a file or an address"),
        ("salt-1.0-py3-none-any.whl", "a file or an address"),
        ("-e .", "a folder or a repository"),
        ("salt = 1.0", "no requirement (PEP 508)"),
        ("salt==1.0 --hash=sha256:zz", "not an algorithm and a hexadecimal digest"),
        ("salt==1.0 --hash", "not an algorithm and a hexadecimal digest"),
        ("salt==1.0 --frobnicate", "no option of a requirements file"),
        ("-e 'unclosed", "quotation mark"),
        ("salt ; python_version < " + "(" * 3000, "no requirement (PEP 508)"),
        ("salt" + "a" * MAX_LINE, "over"),
        ("salt==" + "1" * MAX_WORDS, "over"),
        ("salt" + ",".join(f"!={n}" for n in range(MAX_SPECIFIERS + 1)), "version specifiers"),
    ],
)
def test_what_is_left(line: str, why: str) -> None:
    """A line that no index can answer is left, with the reason, and the others are read."""
    found = read(f"{line}\neggs==1.5\n")

    assert [want.project for want in found.wants] == ["eggs"]
    assert [why in left.why for left in found.left] == [True]


def test_variables() -> None:
    """${NAME} stands for the variable's value where variables are given, and for itself if not."""
    text = "${PROJECT}==${VERSION}"

    assert read(text, {"PROJECT": "salt", "VERSION": "1.0"}).wants[0].says == "salt==1.0"
    assert read(text, {"PROJECT": "salt"}).left[0].says == "salt==${VERSION}"
    assert read(text).wants == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(encoding: str) -> None:
    """PowerShell's redirection writes UTF-16 with a byte order mark, which tells it."""
    assert decode("salt==1.0\r\n".encode(encoding)) == "salt==1.0\r\n"


def test_no_text() -> None:
    """Bytes that are no text are refused, and so are more than can be needed."""
    with pytest.raises(BadRequest, match="save it as UTF-8"):
        decode(b"\xff\xfe\xff")
    with pytest.raises(BadRequest, match="not text"):
        decode(b"\x93salt")
    with pytest.raises(TooLarge):
        decode(b"#" * (MAX_BYTES + 1))


def test_too_many() -> None:
    """A file of more requirements than one run takes is refused whole."""
    with pytest.raises(TooLarge):
        read("a==1\n" * (MAX_WANTS + 1))


@given(TEXT)
@example("a \\\n# b\nc")
@example("a \\\n b # c \\\nd")
@example("a\\\n")
@settings(max_examples=300)
def test_lines_are_pips(text: str) -> None:
    """Lines are joined, and rid of comments, as pip does it."""
    # pip keeps a form feed inside a line; so do editors.
    numbered = list(enumerate(text.splitlines(), 1))
    theirs = [line for _, line in ignore_comments(join_lines(iter(numbered)))]

    assert list(lines(text)) == theirs


@given(TEXT)
@settings(max_examples=200)
def test_no_text_raises(text: str) -> None:
    """Whatever stands in a file, reading it ends, and each line is wanted, heeded or left."""
    found = read(text)

    for want in found.wants:
        assert break_args_options(want.says)[1] == "" or want.files


def test_real_lists_read(tmp_path: Path) -> None:
    """This project's own locked requirements are wants with files, all of them."""
    for name in ("serve", "dev"):
        text = (Path(__file__).parents[2] / "requirements" / f"{name}.txt").read_text()
        found = read(text)

        assert found.left == []
        assert len(found.wants) == sum("==" in line for line in text.splitlines())
        assert all(want.files for want in found.wants)
    assert list(tmp_path.iterdir()) == []
