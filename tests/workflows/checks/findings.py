"""What the tests of checks share."""

from __future__ import annotations

from typing import Any

from app.source.problems import dotted
from app.workflows.checks import Names, check
from app.workflows.definition.spec import Workflow

ASK: dict[str, Any] = {"kind": "ask", "models": ["a"], "prompt": "p"}


def workflow(steps: dict[str, Any], **settings: Any) -> Workflow:
    return Workflow.model_validate({"id": "w", "answer": next(iter(steps)), "steps": steps, **settings})


def errors(steps: dict[str, Any], *, names: Names | None = None, **settings: Any) -> list[str]:
    found = check(workflow(steps, **settings), names)
    return [f"{dotted(one.key)}: {one.text}" for one in found if not one.warning]


def warnings(steps: dict[str, Any], **settings: Any) -> list[str]:
    return [f"{dotted(one.key)}: {one.text}" for one in check(workflow(steps, **settings)) if one.warning]


def transform(value: str, **settings: Any) -> dict[str, Any]:
    return {"kind": "transform", "value": value, **settings}
