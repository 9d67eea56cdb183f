from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from tests.docs.pages import ROOT, codes, table

PAGE = "docs/troubleshooting.md"
#: The letters that a message must have in common with one in the source.
_ENOUGH = 20


def shown() -> list[str]:
    """Return every message of ours that the page tells."""
    rows = table(PAGE, "you see", "why", "what to do")
    found = [code for row in rows for code in codes(row[0])]
    return [code.removeprefix("meta-ai: ") for code in found if code.startswith(("meta-ai: ", "unknown_workflow: "))]


@cache
def messages() -> tuple[re.Pattern[str], ...]:
    """Return a pattern for each longer text in the source, with anything where a value is put in."""
    files = (path for folder in ("agents", "app") for path in (ROOT / folder).rglob("*.py"))
    nodes = (node for path in files for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    return tuple(re.compile(pattern) for pattern in map(_pattern, nodes) if pattern)


def _pattern(node: ast.AST) -> str:
    match node:
        case ast.JoinedStr(values=parts):
            texts = [str(part.value) if isinstance(part, ast.Constant) else "" for part in parts]
        case ast.Constant(value=str(text)):
            texts = [text]
        case _:
            return ""
    return ".+".join(re.escape(text) for text in texts) if len("".join(texts)) >= _ENOUGH else ""


@pytest.mark.parametrize("message", shown())
def test_a_message_of_ours_is_one_that_there_is(message: str) -> None:
    assert any(pattern.search(message) for pattern in messages())


def test_a_message_that_nothing_says_would_be_noticed() -> None:
    assert not any(pattern.search("port 9092 is busy; stop what listens there") for pattern in messages())
    assert len(shown()) > 5
