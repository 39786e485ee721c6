import pytest

from cloche.core.errors import TooLarge
from cloche.core.requirements_file import read
from cloche.core.wants import (
    MAX_FILES,
    Named,
    Wants,
    check,
    constrained,
    filename_in,
    joined,
    named,
)

SHA = "cd" * 32


def test_constraints_bound_what_is_wanted() -> None:
    """A constraint narrows the version of what is wanted, and wants nothing itself."""
    wants = read("salt>=1\neggs").wants
    bounds = read("salt<2\nsalt!=1.5\ntoast==1").wants

    found = list(constrained(wants, bounds))

    assert [(w.project, {str(s) for s in w.specifiers}) for w in found] == [
        ("salt", {">=1", "<2", "!=1.5"}),
        ("eggs", set()),
    ]


def test_a_constraint_that_may_not_hold_makes_two_of_one() -> None:
    """With a marker a constraint holds somewhere only: both versions are wanted then."""
    wants = read("salt>=1 ; os_name == 'nt'").wants
    bounds = read("salt<2 ; python_version < '3.9'").wants

    free, bound = constrained(wants, bounds)

    assert str(free.specifiers) == ">=1"
    assert {str(s) for s in bound.specifiers} == {">=1", "<2"}
    assert str(bound.marker) == 'os_name == "nt" and python_version < "3.9"'


def test_hashes_of_a_constraint_name_the_files() -> None:
    """A constraint with hashes says which files will do."""
    (want,) = constrained(read("salt").wants, read(f"salt==1 --hash=sha256:{SHA}").wants)

    assert want.files == (Named(hashes=(("sha256", SHA),)),)


@pytest.mark.parametrize(
    ("address", "filename"),
    [
        ("http://x/a/salt-1.0.tar.gz#sha256=1", "salt-1.0.tar.gz"),
        ("http://x/salt-1.0%2Blocal-py3-none-any.whl?x=/y", "salt-1.0+local-py3-none-any.whl"),
        ("wheels\\salt.whl", "salt.whl"),
        ("../salt.whl", "salt.whl"),
        ("http://[x/salt.whl", ""),
        ("", ""),
    ],
)
def test_only_the_filename_of_an_address_counts(address: str, filename: str) -> None:
    """Of an address in a lock file nothing is used but the filename at its end."""
    assert filename_in(address) == filename


def test_what_names_nothing() -> None:
    """A name that can be no file's and a digest that is none name no file."""
    assert named("a/b", ["sha256:12", "md5", ""]) is None
    assert named("../x", [f"SHA256:{SHA.upper()}"]) == Named(hashes=(("sha256", SHA),))
    assert named("salt.whl", []) == Named(filename="salt.whl")


def test_bounds() -> None:
    """More files than one run takes are refused, also when several lists add up to them."""
    with pytest.raises(TooLarge):
        check(1, MAX_FILES + 1)
    half = Wants(wants=tuple(read("a==1\n" * 15_000).wants))
    with pytest.raises(TooLarge):
        joined([half, half])
