import io
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.metadata import Metadata
from packaging.utils import parse_sdist_filename, parse_wheel_filename

from tests.packages import Built, Described, sdist, wheel

Build = Callable[..., Built]
Install = Callable[[Built, Path], Path]
SMALLEST = wheel("demo", "1.0", files={"demo_padding.bin": b""}).size


def run(*command: str | Path) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def installed_by_pip(built: Built, folder: Path) -> Path:
    target = folder / "pip"
    offline = ("--no-index", "--no-cache-dir", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "install", *offline, "--target", target, built.write(folder))
    return target


def installed_by_uv(built: Built, folder: Path) -> Path:
    target = folder / "uv"
    uv = Path(sys.executable).with_name("uv")
    offline = ("--no-index", "--no-cache", "--python", sys.executable)
    run(uv, "pip", "install", *offline, "--target", target, built.write(folder))
    return target


@pytest.mark.parametrize("install", [installed_by_pip, installed_by_uv])
@pytest.mark.parametrize("build", [wheel, sdist])
def test_real_clients_install_what_is_built(install: Install, build: Build, tmp_path: Path) -> None:
    """Pip and uv install a built wheel and a built sdist, and the module can be imported."""
    target = install(build("Acme.Demo", "1.2", body=b"ANSWER = 42\n"), tmp_path)

    said = run(sys.executable, "-c", f"import sys; sys.path.insert(0, {str(target)!r});"
               "import acme_demo as m; print(m.__version__, m.ANSWER)")  # fmt: skip

    assert said.split() == ["1.2", "42"]


@pytest.mark.parametrize("build", [wheel, sdist])
def test_the_same_arguments_give_the_same_bytes(build: Build) -> None:
    """Building twice gives the same digest, and another body gives another."""
    first, again, other = build("demo", "1"), build("demo", "1"), build("demo", "1", body=b"x = 1")

    assert first == again
    assert first.sha256 != other.sha256


@pytest.mark.parametrize("size", [*range(SMALLEST, SMALLEST + 120), 10_000, 1_000_000])
def test_a_wheel_has_the_length_that_was_asked_for(size: int) -> None:
    """A padded wheel is valid, and as long as asked to the byte."""
    built = wheel("demo", "1.0", size=size)

    assert built.size == size
    assert zipfile.ZipFile(io.BytesIO(built.content)).testzip() is None


def test_padding_does_not_compress() -> None:
    """A padded wheel stays as long as it is under compression, within one per cent."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("wheel", wheel("demo", "1.0", size=200_000).content)

    assert len(packed.getvalue()) > 198_000


def test_a_wheel_that_cannot_be_so_small_is_refused() -> None:
    """Asking for a wheel smaller than its own metadata is an error, not a broken wheel."""
    with pytest.raises(ValueError, match="at least"):
        wheel("demo", "1.0", size=SMALLEST - 1)


def test_the_metadata_is_valid_and_lies_in_the_archive() -> None:
    """Strict parsing accepts the metadata, and it is the very file in the wheel and the sdist."""
    described = Described(requires=["other>=2"], requires_python=">=3.8", description="# Hi\n")
    whl, src = wheel("Demo", "1.0", **described), sdist("Demo", "1.0", **described)

    parsed = Metadata.from_email(whl.metadata, validate=True)
    with zipfile.ZipFile(io.BytesIO(whl.content)) as archive:
        in_wheel = archive.read("demo-1.0.dist-info/METADATA")
    with tarfile.open(fileobj=io.BytesIO(src.content)) as archive_:
        member = archive_.extractfile("demo-1.0/PKG-INFO")
        in_sdist = member.read() if member else b""

    assert [str(r) for r in parsed.requires_dist or ()] == ["other>=2"]
    assert (in_wheel, in_sdist) == (whl.metadata, src.metadata)
    assert parse_wheel_filename(whl.filename)[0] == parse_sdist_filename(src.filename)[0] == "demo"
