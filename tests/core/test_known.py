"""What of core metadata rules may know."""

from msgspec.structs import replace

from cloche.core.known import (
    FIELDS,
    MAX_DESCRIPTION,
    MAX_VALUE,
    MAX_VALUES,
    Known,
    Lack,
    description,
    fields,
    metadata,
    whole,
)
from cloche.core.metadata import read
from tests.packages import wheel

SAID = [
    ("License-Expression", "MIT"),
    ("Classifier", "Typing :: Typed"),
    ("Classifier", "Topic :: Internet"),
    ("Keywords", "one,two"),
    ("Platform", "linux"),
    ("Project-URL", "Home, https://example.org"),
    ("Author-Email", "me@example.org"),
    ("License-File", "LICENSE"),
]


def test_fields_by_their_names() -> None:
    """Each field is there by its name in lower case, with all its values; one not said is not."""
    built = wheel("Demo", "1.0", fields=SAID, requires=["other"], requires_python=">=3.8")

    found = fields(read(built.metadata))

    assert found.keys() <= set(FIELDS)
    assert found["name"] == ("Demo",)
    assert found["requires-dist"] == ("other",)
    assert found["requires-python"] == (">=3.8",)
    assert found["license-expression"] == ("MIT",)
    assert found["license-file"] == ("LICENSE",)
    assert found["classifier"] == ("Typing :: Typed", "Topic :: Internet")
    assert found["keywords"] == ("one", "two")
    assert found["platform"] == ("linux",)
    assert found["project-url"] == ("Home, https://example.org",)
    assert found["author-email"] == ("me@example.org",)
    assert "maintainer" not in found


def test_they_are_bounded() -> None:
    """Neither a long value nor a great many of them fill memory and database."""
    many = [("Classifier", f"Topic {number}") for number in range(MAX_VALUES + 5)]
    built = wheel("demo", "1.0", fields=[*many, ("License", "x" * (MAX_VALUE + 5))])

    found = fields(read(built.metadata))

    assert len(found["classifier"]) == MAX_VALUES
    assert found["license"] == ("x" * MAX_VALUE,)


def test_what_nobody_looked_at() -> None:
    """Of a file that nobody has looked at nothing is known, for ever."""
    found = Known({"metadata": {"demo-1.0.tar.gz": {}}})

    assert found.of("metadata", "demo-1.0.tar.gz") == {}
    assert found.of("metadata", "demo-2.0.tar.gz") == Lack("nobody has looked at its metadata")
    assert found.of("provenance", "demo-1.0.tar.gz") == Lack("nobody has looked at its provenance")


def test_what_one_release_tells_is_kept_whole() -> None:
    """Of the release that tells for its project all can be had back, to wider bounds."""
    said = read(wheel("Demo", "1.0", fields=[*SAID, ("Description", "Of cheese")]).metadata)
    long = replace(said, license="x" * MAX_VALUE * 2, description="y" * MAX_DESCRIPTION * 2)

    assert metadata({**whole(said), **description(said)}) == said
    assert metadata(whole(long)).license == long.license
    assert len(metadata(description(long)).description) == MAX_DESCRIPTION
    assert description(replace(said, description="")) == {}
