from __future__ import annotations

import ast
from collections.abc import Iterator

import agents.call_model  # noqa: F401  # with all errors that agents can raise
from app.errors import OrchestratorError
from tests.docs.pages import ROOT, codes, first_codes, table
from topics.dead_letters import PREFIX, DeadLetter

PAGE = "docs/dead-letters.md"
COLUMNS = ("reason", "what is wrong", "what to do")


def reasons() -> set[str]:
    """Return every reason that the code gives an invalid event."""
    return {reason for folder in ("agents", "app", "topics") for reason in _reasons(folder)}


def _reasons(folder: str) -> Iterator[str]:
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "InvalidEvent":
                reason = node.args[0]
                assert isinstance(reason, ast.Constant), f"{path}:{node.lineno}: name the reason where it is raised"
                yield str(reason.value)


def codes_of_errors(kind: type[OrchestratorError] = OrchestratorError) -> set[str]:
    return {kind.code}.union(*(codes_of_errors(one) for one in kind.__subclasses__()))


def test_every_reason_is_described_once() -> None:
    shown = first_codes(PAGE, *COLUMNS)
    assert len(shown) == len(set(shown))
    assert reasons() <= set(shown)


def test_no_reason_is_described_that_cannot_be() -> None:
    assert set(first_codes(PAGE, *COLUMNS)) <= reasons() | codes_of_errors()


def test_what_agents_raise_besides_is_described() -> None:
    assert {"retrieval", "internal"} <= set(first_codes(PAGE, *COLUMNS))


def test_every_header_of_a_dead_letter_is_described() -> None:
    shown = [code for row in table("docs/events.md", "header", "what it says") for code in codes(row[0])]
    assert {name for name in shown if name.startswith(PREFIX)} == {PREFIX + name for name in DeadLetter.model_fields}
