"""Licences: what metadata of any age comes to, and what an expression permits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.licenses import canonicalize_license_expression
from trove_classifiers import classifiers

from cloche.core.licences import _CLASSIFIERS, _WORDS, identifiers, licence, passes, spdx, stated

BSD = "License :: OSI Approved :: BSD License"
MIT = "License :: OSI Approved :: MIT License"


def said(*, expression: str = "", text: str = "", classified: tuple[str, ...] = ()) -> str | None:
    fields = {"license-expression": expression, "license": text}
    given = {name: (value,) for name, value in fields.items() if value}
    return stated({**given, "classifier": classified})


def test_an_expression_is_all_that_counts() -> None:
    """Where License-Expression is, License and classifiers are disregarded (PEP 639)."""
    assert (
        said(expression="mit or apache-2.0", text="BSD", classified=(BSD,)) == "MIT OR Apache-2.0"
    )
    assert said(expression="What you want", text="MIT", classified=(MIT,)) is None


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("MIT", "MIT"),
        ("The MIT License", "MIT"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("apache-2.0", "Apache-2.0"),
        ("BSD 3-Clause License", "BSD-3-Clause"),
        ("3-clause BSD", "BSD-3-Clause"),
        ("GPLv3+", "GPL-3.0-or-later"),
        ("GNU GPL v. 3", "GPL-3.0-only"),
        ("MPL 2.0", "MPL-2.0"),
        ("BSD", "BSD-2-Clause AND BSD-3-Clause"),
        ("not the MIT License", None),
        ("MIT or so", None),
        ("see LICENSE", None),
        ("MIT " * 50, None),
    ],
)
def test_a_licence_by_its_name(text: str, expression: str | None) -> None:
    """A License that names one is that; one that may be several is all of them."""
    assert said(text=text) == expression


def test_classifiers() -> None:
    """Classifiers tell where nothing else does; several have to pass together."""
    assert said(classified=(MIT, "License :: OSI Approved", "Topic :: Internet")) == "MIT"
    assert said(text="See LICENSE.txt", classified=(MIT,)) == "MIT"
    assert said(classified=(MIT, BSD)) == "(MIT) AND (BSD-2-Clause AND BSD-3-Clause)"
    assert said() is None


def test_a_name_narrows_a_classifier() -> None:
    """Of what a classifier may mean, a License that names one of them is believed."""
    assert said(text="BSD-3-Clause", classified=(BSD,)) == "BSD-3-Clause"
    assert said(text="MIT", classified=(BSD,)) == "(MIT) AND (BSD-2-Clause AND BSD-3-Clause)"


def test_a_classifier_that_names_no_licence() -> None:
    """A classifier of unclear meaning makes all of it unclear."""
    assert said(text="MIT", classified=("License :: Other/Proprietary License",)) is None


def test_tables_are_sound() -> None:
    """Each classifier is one that PyPI knows, each expression one that the standard knows."""
    assert set(_CLASSIFIERS) <= classifiers
    for expression in (*_CLASSIFIERS.values(), *_WORDS.values()):
        assert canonicalize_license_expression(expression) == expression


@pytest.mark.parametrize(
    ("expression", "permitted", "holds"),
    [
        ("MIT", {"MIT"}, True),
        ("MIT", {"ISC"}, False),
        ("MIT OR GPL-3.0-only", {"MIT"}, True),
        ("MIT AND GPL-3.0-only", {"MIT"}, False),
        ("MIT AND (GPL-3.0-only OR ISC)", {"MIT", "ISC"}, True),
        ("MIT OR ISC AND GPL-3.0-only", {"ISC"}, False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", {"GPL-2.0-only"}, False),
        (
            "GPL-2.0-only WITH Classpath-exception-2.0",
            {"GPL-2.0-only WITH Classpath-exception-2.0"},
            True,
        ),
        ("GPL-3.0+", {"GPL-3.0-or-later"}, True),
        ("GPL-3.0", {"GPL-3.0-only"}, True),
        ("LicenseRef-Acme-1", {"LicenseRef-Acme-1"}, True),
    ],
)
def test_what_an_expression_permits(expression: str, permitted: set[str], holds: bool) -> None:  # noqa: FBT001
    """OR lets one choose, AND does not; exceptions and old spellings are licences like any."""
    assert passes(expression, permitted.__contains__) is holds


LICENCES = st.sampled_from(["MIT", "ISC", "Zlib", "GPL-3.0-only"])
EXPRESSIONS = st.recursive(
    LICENCES,
    lambda inner: st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(
        lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
    ),
    max_leaves=8,
)


@given(expression=EXPRESSIONS, permitted=st.sets(LICENCES))
def test_it_is_boolean_algebra(expression: str, permitted: set[str]) -> None:
    """It holds exactly when the expression does, read as Python reads and / or."""
    words = {"AND": "and", "OR": "or"}
    spelt = expression.replace("(", "( ").replace(")", " )").split()
    python = " ".join(
        each if each in "()" else words.get(each) or str(each in permitted) for each in spelt
    )

    assert passes(expression, permitted.__contains__) is eval(python)  # noqa: S307  # of our own words
    assert passes(expression, lambda _: True)
    assert set(identifiers(expression)) == {
        each for each in spelt if each not in {*words, "(", ")"}
    }


@pytest.mark.parametrize(
    "raw", ["", "MIT AND", "(" * 300 + "MIT" + ")" * 300, "MIT " * 500, "Ünfrei"]
)
def test_what_is_no_expression(raw: str) -> None:
    """Nonsense, however long or deep, is no expression and harms nothing."""
    assert spdx(raw) is None


def test_a_single_licence() -> None:
    """A licence is one identifier, with an exception or not, as SPDX spells it now."""
    assert licence("gpl-3.0") == "GPL-3.0-only"
    assert licence("gpl-2.0+ with classpath-exception-2.0") == (
        "GPL-2.0-or-later WITH Classpath-exception-2.0"
    )
    assert licence("MIT OR ISC") is None
    assert licence("Apache2") is None
