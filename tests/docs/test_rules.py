"""The reference of the rules says what the code does."""

import pytest
from msgspec import Struct
from msgspec.structs import fields

from cloche import kinds, rules
from tests.docs import markdown
from tests.docs.test_configuration import _default, _said, _type

SECTIONS = markdown.sections((markdown.DOCS / "reference" / "rules.md").read_text())
KINDS: dict[str, type[Struct]] = {
    kind: kinds.load(rules, kind).Settings for kind in kinds.names(rules)
}


def test_every_kind_has_its_section() -> None:
    """Each kind of rule is described, and no other."""
    assert {heading.strip("`") for heading in SECTIONS if heading.startswith("`")} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_is_documented(kind: str) -> None:
    """Each key of each kind is there, with its type, its bounds and its default; no other is."""
    rows = {row["key"].strip("`"): row for row in markdown.rows(SECTIONS[f"`{kind}`"])}

    assert {key: (row["type"], _default(row["default"])) for key, row in rows.items()} == {
        field.encode_name: (_type(field.type), _said(field)) for field in fields(KINDS[kind])
    }
