"""What is to be built, and what is believed of what was."""

import pytest
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet

from cloche.core.building import Pin, built_in, check_wheel, lacking, tail, wanted
from cloche.core.errors import BadUpload
from cloche.core.model import File, Page, ProjectName
from cloche.core.targets import targets
from cloche.core.wants import Want

ACME = ProjectName("acme")
HERE = targets(("manylinux_2_28_x86_64", "linux_x86_64"), pythons=["3.12"])


def page(*names: str) -> Page:
    return Page(name=ACME, files=tuple(File(filename=name) for name in names))


def test_requirements_for_a_resolver() -> None:
    """Names, extras, specifiers and markers get through; what else a line says does not."""
    bound = SpecifierSet(">=1")
    wants = [
        Want(project=ACME, says="Acme[fast,all]>=1", specifiers=bound),
        Want(project=ACME, says="acme>=1 --hash=sha256:00", specifiers=bound),
        Want(project=ACME, says="acme", marker=Marker("python_version > '3'")),
    ]
    assert wanted(wants) == ["acme[all,fast]>=1", "acme>=1", 'acme ; python_version > "3"']


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["acme-1.0.tar.gz"], "acme-1.0.tar.gz"),
        (["acme-1.0.tar.gz", "acme-1.0-py3-none-any.whl"], None),
        (["acme-1.0.tar.gz", "acme-1.0-cp312-cp312-linux_x86_64.whl"], None),
        (["acme-1.0.tar.gz", "acme-1.0-cp311-cp311-linux_x86_64.whl"], "acme-1.0.tar.gz"),
        (["acme-1.0.tar.gz", "acme-1.0-cp312-cp312-win_amd64.whl"], "acme-1.0.tar.gz"),
        (["acme-1.0.tar.gz", "acme-2.0-py3-none-any.whl"], "acme-1.0.tar.gz"),
        (["acme-2.0.tar.gz"], None),
        (["acme-1.0-cp312-cp312-win_amd64.whl"], None),
    ],
)
def test_what_is_lacking(names: list[str], found: str | None) -> None:
    """The sdist of the version, where no wheel of it runs on the target."""
    file = lacking(page(*names), "1.0", HERE)

    assert (file and file.filename) == found


@pytest.mark.parametrize(
    "name",
    [
        "acme-1.0.tar.gz",
        "brie-1.0-py3-none-any.whl",
        "acme-1.1-py3-none-any.whl",
        "acme.whl",
        "acme-1.0-cp312-cp312-win_amd64.whl",
    ],
)
def test_what_a_build_may_not_make(name: str) -> None:
    """Anything but a wheel of that very version, for where it was built."""
    with pytest.raises(BadUpload):
        check_wheel(name, Pin(ACME, "1.0"), HERE)


def test_what_a_build_may_make() -> None:
    """A wheel of the version that runs there."""
    check_wheel("acme-1.0-cp312-cp312-linux_x86_64.whl", Pin(ACME, "1.0"), HERE)


@pytest.mark.parametrize("detail", [{}, {"built": 1}, {"built": {"sdist": "acme-1.0.tar.gz"}}])
def test_what_is_no_provenance(detail: dict[str, object]) -> None:
    """An entry that tells of no build, or not all of it, tells nothing."""
    assert built_in(detail) is None


def test_the_end_of_a_log() -> None:
    """Few lines, few characters, and none that steers a terminal."""
    log = "".join(f"line {number}\n" for number in range(100))

    assert tail(log).splitlines() == [f"line {number}" for number in range(80, 100)]
    assert tail("\x1b[31mred\x1b[0m\x07\r\nend") == "red\nend"
    assert len(tail("x" * 10_000)) == 2000
