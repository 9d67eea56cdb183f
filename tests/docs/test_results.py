from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from app.workflows.checks.components import CODES
from app.workflows.retry_policy import RETRYABLE
from tests.docs.pages import ROOT, first_codes, table
from topics.results import Result

PAGE = "docs/consuming-results.md"
COLUMNS = ("code", "what it means", "retry", "what to do")
#: Codes of errors of which no run ever hears: of commands, and of brokers.
ELSEWHERE = {
    "api",
    "no_result",
    "broker",
    "no_approval_wanted",
    "source",
    "source_unavailable",
    "unknown_document",
    "unreadable_document",
    "unknown_run",
    "unknown_signal",
    "not_retryable",
    "webhook",
}
#: Functions that make a failure for a run from a code.
MAKERS = {"Failure", "failure"}


def made() -> set[str]:
    """Return every code that stands in the source where an error or a failure gets it, or that a run is told."""
    files = (path for folder in ("agents", "app", "topics") for path in (ROOT / folder).rglob("*.py"))
    return {code for path in files for code in _codes(path)}


def _codes(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.ClassDef(body=body):
                yield from (code for part in body for code in _of_class(part))
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=arguments, keywords=keywords) if (
                name in MAKERS
            ):
                values = [*arguments[1:2], *(one.value for one in keywords if one.arg == "code")]
                yield from (str(value.value) for value in values if isinstance(value, ast.Constant))


def _of_class(part: ast.stmt) -> Iterator[str]:
    """Yield the code that a class gives itself, as in `code = "timeout"`."""
    match part:
        case (
            ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str(code)))
            | ast.AnnAssign(target=ast.Name(id="code"), value=ast.Constant(value=str(code)))
        ):
            yield code


def test_every_code_of_a_result_is_described_once_and_no_other() -> None:
    shown = first_codes(PAGE, *COLUMNS)
    assert len(shown) == len(set(shown))
    assert set(shown) == made() - ELSEWHERE


def test_the_codes_that_are_worth_a_retry_are_those_that_a_step_retries() -> None:
    worth = {row[0].strip("`") for row in table(PAGE, *COLUMNS) if row[2] == "yes"}
    assert worth == RETRYABLE


def test_every_field_of_a_result_is_described() -> None:
    assert set(first_codes(PAGE, "field", "what it is")) >= Result.model_fields.keys()


def test_every_code_is_one_that_a_retry_can_name() -> None:
    assert set(first_codes("docs/consuming-results.md", *COLUMNS)) <= CODES
