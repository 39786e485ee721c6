import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloche.core import archive
from cloche.core.errors import BadUpload
from cloche.core.filenames import parse
from tests.packages import Built, sdist, wheel

METADATA = b"Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n"
INFO = "acme-1.0.dist-info"
Change = str | bytes | None


def read(filename: str, content: bytes) -> bytes | None:
    return archive.read(filename, parse(filename), io.BytesIO(content)).metadata


def problems(filename: str, content: bytes) -> list[str]:
    with pytest.raises(BadUpload) as caught:
        read(filename, content)
    return caught.value.problems


def zipped(members: Mapping[str, bytes | str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return out.getvalue()


def tarred(members: list[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as file:
        for name, data in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            file.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def wheel_zip(folder: str = INFO, more: Mapping[str, bytes] = {}, **changes: Change) -> bytes:
    """A wheel of one module. Changes replace what lies in its .dist-info; None leaves it out."""
    record = f"acme.py,,\n{folder}/METADATA,,\n{folder}/WHEEL,,\n{folder}/RECORD,,\n"
    info = {
        "METADATA": METADATA,
        "WHEEL": b"Wheel-Version: 1.0\n",
        "RECORD": record,
        **more,
        **changes,
    }
    members = {f"{folder}/{name}": data for name, data in info.items() if data is not None}
    return zipped({"acme.py": b"", **members})


WHEEL = "acme-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    "built",
    [
        wheel("acme", "1.0"),
        wheel("Acme.Tool", "1.0+local.1", build="1", requires=["b>1"], files={"data/x": b"x"}),
        sdist("Acme.Tool", "1.0rc1"),
        sdist("acme", "1.0", files={"ç" * 150: b""}),
    ],
    ids=lambda built: built.filename,
)
def test_reads_metadata(built: Built) -> None:
    """The metadata of a sound wheel or sdist comes out byte for byte."""
    assert read(built.filename, built.content) == built.metadata


@pytest.mark.parametrize("folder", ["acme-1.0", "Acme-1.0", "ACME-1.0.0", "acme-v1.0", "acme-01.0"])
def test_directory_may_be_spelt_differently(folder: str) -> None:
    """The directories that hold metadata agree by normal form (PEP 503) and version (PEP 440)."""
    wheel_content = wheel_zip(f"{folder}.dist-info")

    assert read(WHEEL, wheel_content) == METADATA
    assert read("acme-1.0.tar.gz", tarred([(f"{folder}/PKG-INFO", METADATA)])) == METADATA
    assert read("acme-1.0.zip", zipped({f"{folder}/PKG-INFO": METADATA})) == METADATA


@pytest.mark.parametrize(
    ("filename", "folder"),
    [
        ("my_acme-1.0.tar.gz", "my-acme-1.0"),
        ("my-acme-1.0.tar.gz", "My.Acme-1.0"),
        ("acme-1.0.post1.tar.gz", "acme-1.0-1"),
        ("acme-1.0.post1.tar.gz", "acme-1.0-post1"),
        ("acme-1.0.tar.gz", "./acme-1.0"),
    ],
)
def test_sdist_directory_may_contain_dashes(filename: str, folder: str) -> None:
    """Old sdists have dashes in name and version, or start with `./`."""
    content = tarred([(f"{folder}/PKG-INFO", METADATA), (f"{folder}/a/PKG-INFO", b"other")])

    assert read(filename, content) == METADATA


@pytest.mark.parametrize(
    ("filename", "pack"),
    [
        ("acme-1.0.tgz", gzip.compress),
        ("acme-1.0.tar.bz2", bz2.compress),
        ("acme-1.0.tar.xz", lzma.compress),
        ("acme-1.0.tar", bytes),
    ],
)
def test_reads_old_sdists(filename: str, pack: Callable[[bytes], bytes]) -> None:
    """Sdists from before PEP 527, in other packings, are read too."""
    tar = gzip.decompress(tarred([("acme-1.0/PKG-INFO", METADATA)]))

    assert read(filename, pack(tar)) == METADATA


def test_reads_eggs() -> None:
    """An egg's metadata is read when it has any."""
    assert read("acme-1.0-py2.7.egg", zipped({"EGG-INFO/PKG-INFO": METADATA})) == METADATA
    assert read("acme-1.0-py2.7.egg", zipped({"acme.py": b""})) is None
    assert problems("acme-1.0-py2.7.egg", zipped({"../acme.py": b""}))


@pytest.mark.parametrize(
    "filename",
    ["acme-1.0.win32-py2.7.exe", "acme-1.0-1.noarch.rpm", "acme-1.0.linux-x86_64.tar.gz"],
)
def test_other_kinds_have_no_metadata(filename: str) -> None:
    """Installers and dumb archives are not looked into."""
    assert read(filename, b"anything") is None


def test_compress_cannot_be_read() -> None:
    """An sdist that cannot be unpacked is refused, with the cure."""
    assert problems("acme-1.0.tar.Z", b"\x1f\x9d") == [
        "'acme-1.0.tar.z' cannot be unpacked; upload a .tar.gz"
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (wheel_zip(WHEEL=None), [f"the wheel has no {INFO}/WHEEL", "in RECORD and not in"]),
        (wheel_zip(RECORD=None), [f"the archive has no {INFO}/RECORD"]),
        (wheel_zip(METADATA=None), ["in RECORD and not in", f"no {INFO}/METADATA"]),
        (wheel_zip(RECORD=f"{INFO}/METADATA,,\n{INFO}/WHEEL,,\n"), ["'acme.py' is in the wheel"]),
        (wheel_zip(RECORD=b"\xff"), ["RECORD cannot be read"]),
        (wheel_zip(RECORD='"'), ["RECORD cannot be read"]),
        (
            wheel_zip(RECORD="".join(f"{n}\n" for n in range(100_002))),
            ["it lists over 100000 files"],
        ),
        (wheel_zip(RECORD=bytes(archive.MAX_RECORD + 1)), ["larger than"]),
        (wheel_zip(METADATA=bytes(archive.MAX_METADATA + 1)), ["larger than"]),
        (wheel_zip("other-1.0.dist-info"), ["'other-1.0.dist-info' does not fit its filename"]),
        (wheel_zip("acme-1.1.dist-info"), ["'acme-1.1.dist-info' does not fit its filename"]),
        (wheel_zip("acme-.dist-info"), ["'acme-.dist-info' does not fit its filename"]),
        (zipped({}), ["has no acme-1.0.dist-info/WHEEL", "/RECORD", "/METADATA"]),
        (zipped({f"a/{INFO}/METADATA": METADATA}), ["/WHEEL", "/RECORD", "/METADATA"]),
    ],
)
def test_refuses_wheels(content: bytes, told: list[str]) -> None:
    """A wheel that is not as PEP 427 says is refused with every problem at once."""
    found = problems(WHEEL, content)

    assert len(found) == len(told)
    for part, problem in zip(told, found, strict=True):
        assert part in problem


def test_signatures_need_no_record() -> None:
    """PEP 427 leaves RECORD's own signatures out of RECORD."""
    content = wheel_zip(more={"RECORD.jws": b"{}", "RECORD.p7s": b""})

    assert read(WHEEL, content) == METADATA


def test_record_quotes() -> None:
    """A name with comma and quotes is found in RECORD, which is CSV."""
    built = wheel_zip(
        RECORD=f'"acme.py",,\n{INFO}/METADATA,,\r\n\n{INFO}/WHEEL,,\n"{INFO}/a,""b""",,\n',
        more={'a,"b"': b""},
    )

    assert read(WHEEL, built) == METADATA


def test_refuses_two_metadata_directories() -> None:
    """A wheel with two .dist-info directories could be two projects."""
    content = zipped(
        {
            f"{INFO}/METADATA": METADATA,
            f"{INFO}/WHEEL": b"",
            f"{INFO}/RECORD": f"{INFO}/METADATA\n{INFO}/WHEEL\nb-1.dist-info/METADATA\n",
            "b-1.dist-info/METADATA": b"",
        }
    )

    assert problems(WHEEL, content) == [
        f"the wheel has 2 .dist-info directories; keep {INFO} alone"
    ]


@pytest.mark.parametrize(
    ("members", "cause"),
    [
        ([], "not in the sdist"),
        ([("PKG-INFO", METADATA)], "not in the sdist"),
        ([("other-1.0/PKG-INFO", METADATA)], "not in the sdist"),
        ([("acme-1.1/PKG-INFO", METADATA)], "not in the sdist"),
        ([("acme-1.0/src/PKG-INFO", METADATA)], "not in the sdist"),
        ([("-" * 70_000 + "/PKG-INFO", METADATA)], "not in the sdist"),
        ([("acme-" + "1" * 5000 + "/PKG-INFO", METADATA)], "not in the sdist"),
        ([("acme-1.0/PKG-INFO", b""), ("Acme-1.0/PKG-INFO", b"")], "2 times"),
        ([("acme-1.0/PKG-INFO", bytes(archive.MAX_METADATA + 1))], "larger than"),
    ],
)
def test_refuses_sdists(members: list[tuple[str, bytes]], cause: str) -> None:
    """An sdist has exactly one PKG-INFO, at its top, of a bounded size."""
    [problem] = problems("acme-1.0.tar.gz", tarred(members))

    assert cause in problem


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("../a", "outside"),
        ("acme-1.0/../../a", "outside"),
        ("/etc/passwd", "outside"),
        ("\\a", "outside"),
        ("a\\..\\b", "outside"),
        ("C:a", "outside"),
        ("a\nb", "outside"),
        ("acme-1.0/PKG-INFO", "two members"),
        ("./acme-1.0/PKG-INFO", "two members"),
        ("acme-1.0/PKG-INFO/", "two members"),
    ],
)
def test_refuses_dangerous_names(name: str, cause: str) -> None:
    """No member is written outside, and none is written twice, in any archive."""
    tar = tarred([("acme-1.0/PKG-INFO", METADATA), (name, b"")])

    assert cause in problems("acme-1.0.tar.gz", tar)[0]
    if not name.endswith("acme-1.0/PKG-INFO"):
        zip_sdist = zipped({"acme-1.0/PKG-INFO": METADATA, name: b""})
        assert cause in problems("acme-1.0.zip", zip_sdist)[0]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_refuses_two_members_of_one_name_in_a_zip() -> None:
    """A zip that has a name twice shows different bytes to different readers."""
    out = io.BytesIO(wheel_zip())
    with zipfile.ZipFile(out, "a") as file:
        file.writestr("acme.py", b"evil")

    [problem] = problems(WHEEL, out.getvalue())
    assert "two members are named 'acme.py'" in problem


def test_folders_may_come_twice() -> None:
    """A folder that is listed again does no harm."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as file:
        for name in ("acme-1.0", "acme-1.0"):
            entry = tarfile.TarInfo(name)
            entry.type = tarfile.DIRTYPE
            file.addfile(entry)
        entry = tarfile.TarInfo("acme-1.0/PKG-INFO")
        file.addfile(entry)

    assert read("acme-1.0.tar.gz", out.getvalue()) == b""


def test_refuses_passwords() -> None:
    """An encrypted archive is refused as such."""
    content = bytearray(wheel_zip())
    content[6] |= 1
    content[content.index(b"PK\1\2") + 8] |= 1

    assert problems(WHEEL, bytes(content)) == [
        "the archive is encrypted; upload it without a password"
    ]


def test_tells_all_problems_but_not_for_ever() -> None:
    """Problems of all kinds are told together, the first twenty of them, and none at length."""
    many = {f"../{number}{'x' * 5000}": b"" for number in range(100)}
    found = problems("acme-1.0.zip", zipped(many))

    assert len(found) == archive.MAX_TOLD + 1
    assert found[-1] == "and 81 more problems"
    assert all(len(problem) < 700 for problem in found)


def test_a_damaged_tar_still_tells_of_names() -> None:
    """What was found before the damage is told with it."""
    content = gzip.decompress(tarred([("../a", b""), ("/b", b""), ("c", b"x" * 5000)]))

    found = problems("acme-1.0.tar.gz", gzip.compress(content[:4000]))
    assert ["outside" in problem for problem in found] == [True, True, False]


def cut(content: bytes, chance: random.Random) -> bytes:
    start, stop = sorted(chance.choices(range(len(content) + 1), k=2))
    return content[:start] + content[stop:]


def flipped(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + bytes([chance.randrange(256)]) + content[at + 1 :]


def reordered(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[at:] + content[:at]


BUILT = [wheel("acme", "1.0"), sdist("acme", "1.0")]
MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [flipped, flipped, cut, reordered]


@settings(max_examples=600, deadline=1000)
@given(seed=st.integers(), times=st.integers(1, 3), which=st.sampled_from(BUILT))
def test_mutations_pass_or_are_refused(seed: int, times: int, which: Built) -> None:
    """Whatever the bytes, the answer is the metadata of the original, or BadUpload."""
    chance = random.Random(seed)  # noqa: S311  # reproducible by its seed, which hypothesis shows
    content = which.content
    for _ in range(times):
        content = chance.choice(MUTATIONS)(content, chance) or b"P"
    try:
        found = read(which.filename, content)
    except BadUpload:
        return
    assert found == which.metadata


@settings(max_examples=400, deadline=1000)
@given(seed=st.integers())
def test_mutated_tars_pass_or_are_refused(seed: int) -> None:
    """The same of a tar inside sound compression, where the CRC does not help."""
    chance = random.Random(seed)  # noqa: S311  # reproducible by its seed, which hypothesis shows
    content = chance.choice(MUTATIONS)(gzip.decompress(BUILT[1].content), chance)
    try:
        found = read(BUILT[1].filename, gzip.compress(content, 1))
    except BadUpload:
        return
    assert found is not None
    assert len(found) == len(BUILT[1].metadata)
