from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

import app.workflows.kinds  # noqa: F401  # has an error of its own
from app.expressions.cost import MACROS
from app.expressions.expression import CONTEXT_NAMES, Expression
from app.expressions.functions import KNOWN
from app.workflows.checks.references import FIELDS
from app.workflows.definition.spec import Workflow
from app.workflows.definition.steps import (
    AskStep,
    ConnectorStep,
    DecideStep,
    MapStep,
    RetrieveStep,
    Retry,
    Step,
    TransformStep,
    WaitStep,
    WorkflowStep,
)
from app.workflows.retry_policy import RETRYABLE
from tests.docs.pages import blocks, codes, first_codes, table, text
from tests.docs.reference import _duration, _written

PAGE = "docs/workflows.md"
FORMS: dict[str, type[BaseModel]] = {
    "workflow": Workflow,
    "retrieve": RetrieveStep,
    "ask": AskStep,
    "connector": ConnectorStep,
    "transform": TransformStep,
    "decide": DecideStep,
    "map": MapStep,
    "workflow step": WorkflowStep,
    "wait": WaitStep,
    "retry": Retry,
}


def test_the_built_in_workflow_is_shown_as_it_is() -> None:
    marks = {
        "workflow: built in": "ask.yaml",
        "workflow: passthrough": "passthrough.yaml",
        "workflow: panel": "panel.yaml",
        "workflow: embed": "embed.yaml",
        "workflow: count_tokens": "count_tokens.yaml",
    }
    shown = {marks[block.mark]: block.text for block in blocks("yaml", pages=(PAGE,)) if block.mark in marks}
    assert shown == {name: files("app.workflows").joinpath(name).read_text(encoding="utf-8") for name in shown}
    assert set(shown) == set(marks.values())


@pytest.mark.parametrize("form", FORMS)
def test_every_key_of_a_form_is_described(form: str) -> None:
    of_every_step = {*Step.model_fields, "kind"} if issubclass(FORMS[form], Step) else set()
    keys = [field.alias or name for name, field in FORMS[form].model_fields.items() if name not in of_every_step]
    assert first_codes(PAGE, f"`{form}`", "default", "what it is") == keys


def test_every_key_of_every_step_is_described() -> None:
    assert set(first_codes(PAGE, "every step", "default", "what it is")) == {*Step.model_fields, "kind"}


@pytest.mark.parametrize("form", FORMS)
def test_every_default_is_the_one_that_holds(form: str) -> None:
    fields = {field.alias or name: field for name, field in FORMS[form].model_fields.items()}
    for key, default, _ in table(PAGE, f"`{form}`", "default", "what it is"):
        assert default in expected(fields[codes(key)[0]]), key


def expected(field: FieldInfo) -> list[str]:
    """Return how the table may tell a default: parts that have defaults of their own are told by one of them."""
    if field.is_required():
        return ["required"]
    value = field.get_default(call_default_factory=True)
    if isinstance(value, tuple) and value:
        (value,) = value
    if isinstance(value, BaseModel):
        return ["", *(f"`{name}: {inner}`" for name, inner in value)]
    if isinstance(value, float):  # every one is a duration
        return [f"`{_duration(value)}`"]
    return [f"`{_written(value)}`"] if value not in (None, "", (), {}) else [""]


def test_the_time_outs_are_those_that_hold() -> None:
    (row,) = (row for row in table(PAGE, "every step", "default", "what it is") if row[0] == "`timeout`")
    kinds = (AskStep, WaitStep, MapStep)
    waiting = AskStep(kind="ask", models=("m",), prompt="p", batch=True)
    assert [code for code in codes(" ".join(row[1:])) if code[0].isdigit()] == [
        *(_duration(kind.model_fields["timeout"].default) for kind in kinds),
        _duration(waiting.timeout),
    ]


def test_every_name_and_every_field_of_a_step_is_described() -> None:
    assert {name.partition(".")[0] for name in first_codes(PAGE, "name", "what it is")} == CONTEXT_NAMES
    assert set(first_codes(PAGE, "field", "what it is")) == set(FIELDS)


def test_every_function_is_listed() -> None:
    listed = {code for row in table(PAGE, "for", "functions") for code in codes(row[1])}
    assert listed == KNOWN | MACROS


def example_input() -> Any:
    (shown,) = (block for block in blocks("json", pages=(PAGE,)) if "input of the examples" in block.mark)
    return json.loads(shown.text)


@pytest.mark.parametrize(
    ("source", "value"), [[codes(cell)[0] for cell in row] for row in table(PAGE, "expression", "yields")]
)
def test_an_expression_yields_what_the_page_says(source: str, value: str) -> None:
    assert Expression(source, where=PAGE).evaluate({"input": example_input()}) == json.loads(value)


def test_the_errors_worth_another_attempt_are_named() -> None:
    found = re.search(r"Without `on` these are: (.+?)\. A model", text(PAGE), re.DOTALL)
    assert found
    assert set(codes(found[1])) == RETRYABLE
