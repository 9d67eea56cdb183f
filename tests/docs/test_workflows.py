from __future__ import annotations

from importlib.resources import files

import app.workflows.engine  # noqa: F401  # has an error of its own
from app.errors import WorkflowError
from app.fusion.registry import STRATEGIES
from app.routing import POLICIES
from app.workflows.spec import AskStep, RetrieveStep
from tests.docs.pages import blocks, first_codes, text

PAGE = "docs/workflows.md"


def test_the_built_in_workflow_is_shown_as_it_is() -> None:
    shown = [block.text for block in blocks("yaml", pages=(PAGE,)) if block.mark == "workflow"]
    assert shown == [files("app.workflows").joinpath("ask.yaml").read_text(encoding="utf-8")]


def test_every_strategy_and_policy_is_described() -> None:
    assert set(first_codes(PAGE, "strategy", "what it chooses", "for")) == set(STRATEGIES)
    assert set(first_codes(PAGE, "policy", "what it chooses")) == set(POLICIES)


def test_every_field_of_a_step_is_named() -> None:
    fields = {*RetrieveStep.model_fields, *AskStep.model_fields} - {"kind"}
    assert not [field for field in fields if f"`{field}`" not in text(PAGE)]


def test_every_error_of_a_run_is_described() -> None:
    kinds = {kind.code for kind in WorkflowError.__subclasses__() if kind.__module__.startswith("app.")}
    assert set(first_codes(PAGE, "code", "what it means")) == kinds | {WorkflowError.code, "fusion", "retrieval"}
