import pytest

from cloche.core import marks
from cloche.core.errors import BadName, BadRequest, NoSuchFile
from cloche.core.marks import Marks, Part, Yank
from cloche.core.model import File, Page, ProjectName, Status

DEMO = ProjectName("demo")
NAMES = ("demo-1.0.tar.gz", "demo-1.0-py3-none-any.whl", "demo-2.0.tar.gz", "strange.bin")
PAGE = Page(
    name=DEMO,
    files=tuple(File(filename=name, yanked="theirs" if "2.0" in name else False) for name in NAMES),
    status="archived",
    status_reason="old",
)
V1 = Part(index="main", project=DEMO, version="1.0")


def yank(version: str, filename: str = "", reason: str = "", *, yanked: bool = True) -> Yank:
    return Yank(version=version, filename=filename, yanked=yanked, reason=reason)


def laid(*yanks: Yank) -> list[bool | str]:
    return [file.yanked for file in Marks(yanks=yanks).over(PAGE).files]


def test_no_marks_change_nothing() -> None:
    """A page without marks is the source's page, to the letter."""
    assert not Marks()
    assert Marks().over(PAGE) is PAGE


def test_a_version_s_mark_is_on_all_its_files() -> None:
    """A mark on a version holds for each file whose name tells it, and for no other."""
    assert laid(yank("1.0", reason="broken")) == ["broken", "broken", "theirs", False]


def test_a_mark_without_a_reason() -> None:
    """A yank needs no reason: pages then say only that it is one."""
    assert laid(yank("1.0")) == [True, True, "theirs", False]


def test_a_source_s_yank_is_lifted() -> None:
    """What the source yanks can be held to be good here."""
    assert laid(yank("2.0", yanked=False)) == [False, False, False, False]


def test_a_file_s_mark_beats_its_version_s() -> None:
    """What is said of one file goes before what is said of its version."""
    marks_ = yank("1.0", reason="all"), yank("1.0", NAMES[0], yanked=False), yank("", NAMES[3])
    assert laid(*marks_) == [False, "all", "theirs", True]


def test_a_status_takes_the_source_s_place() -> None:
    """An index's own status is shown with its own reason, or without any."""
    shown = Marks(status=Status.QUARANTINED, reason="malware").over(PAGE)
    assert (shown.status, shown.status_reason) == ("quarantined", "malware")
    shown = Marks(status=Status.ACTIVE).over(PAGE)
    assert (shown.status, shown.status_reason) == ("active", None)


def test_marks_without_those_of_a_part() -> None:
    """A version's marks are its own and those of its files; a file's is one."""
    both = Marks(yanks=(yank("1.0"), yank("1.0", NAMES[0]), yank("2.0")))
    assert both.but(V1).yanks == (yank("2.0"),)
    one = Part(index="main", project=DEMO, filename=NAMES[0])
    assert both.but(one).yanks == (yank("1.0"), yank("2.0"))


def test_the_files_of_a_part() -> None:
    """A part's files are those that its name takes in; none is an error that says where to look."""
    assert [file.filename for file in V1.of(PAGE)] == list(NAMES[:2])
    assert len(Part(index="main", project=DEMO).of(PAGE)) == len(NAMES)
    with pytest.raises(NoSuchFile, match=r"main has no file of demo 3"):
        Part(index="main", project=DEMO, version="3").of(PAGE)


@pytest.mark.parametrize("raw", ["x\n", "x\0", "\ud800", "x" * 501, "\x1b[31m"])
def test_reasons_are_one_short_line(raw: str) -> None:
    """A reason that would break a header, a table or a terminal is refused."""
    with pytest.raises(BadRequest, match="one line"):
        marks.reason(raw)


def test_versions_are_normalized() -> None:
    """A version is read as PEP 440 has it, and what is none is refused."""
    assert marks.version("v1.0.RC1") == "1.0rc1"
    with pytest.raises(BadName, match="PEP 440"):
        marks.version("one")


def test_filenames_are_plain() -> None:
    """A filename is one path segment."""
    assert marks.filename(" a.whl") == " a.whl"
    with pytest.raises(BadName):
        marks.filename("../x")
