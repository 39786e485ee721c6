"""The page on troubles quotes sentences that the program really says."""

import ast
from functools import cache

import pytest

from tests.docs import markdown

PAGE = markdown.DOCS / "how-to" / "troubleshoot.md"


def sentences() -> list[str]:
    """Every sentence in the tables of our own errors."""
    return [
        markdown.code(row["sentence"])[0]
        for section in markdown.sections(PAGE.read_text()).values()
        for row in markdown.rows(section)
        if "sentence" in row
    ]


@pytest.mark.parametrize("sentence", sentences())
def test_the_sentence_is_said(sentence: str) -> None:
    """Each part of a quoted sentence stands in the source, as people read it."""
    parts = [part.strip(" ;,") for part in sentence.split("…")]

    assert [part for part in parts if part and not _is_said(part)] == []


def test_sentences_are_found() -> None:
    """The test above has sentences to look for."""
    assert len(sentences()) > 30


def _is_said(part: str) -> bool:
    return any(part in text for text in _texts())


@cache
def _texts() -> frozenset[str]:
    """Every text in the source, those in f-strings in the pieces between what they fill in."""
    found = set()
    for file in (markdown.ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return frozenset(found)
