from __future__ import annotations

import re
from typing import Any

import pytest

from app.models.local.grammar import grammar_schema


@pytest.mark.parametrize(
    ("pattern", "spelt"),
    [
        (r"^\d{4}-\d{2}$", "^[0-9]{4}-[0-9]{2}$"),
        (r"^[\d.]+$", "^[0-9.]+$"),
        (r"^\w\s?$", r"^[A-Za-z0-9_][ \t\n\r]?$"),
        (r"^\\d\.[^\]\d]$", r"^\\d\.[^\]0-9]$"),
    ],
)
def test_classes_are_spelt_out_and_mean_the_same(pattern: str, spelt: str) -> None:
    assert grammar_schema({"pattern": pattern}) == {"pattern": spelt}
    for text in ("2026-11", "1.5", "a ", "a", "\\d.x", "\\d.7", "\\d.]", ""):
        assert bool(re.search(pattern, text)) == bool(re.search(spelt, text))


def test_patterns_without_both_ends_are_left_out_wherever_they_are() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"pattern": {"type": "string", "pattern": "x"}, "n": {"pattern": "^a$"}},
        "anyOf": [{"items": {"pattern": "^half"}}, True],
    }

    assert grammar_schema(schema) == {
        "type": "object",
        "properties": {"pattern": {"type": "string"}, "n": {"pattern": "^a$"}},
        "anyOf": [{"items": {}}, True],
    }
