"""Drive runs of workflows that a test defines, for the tests of step kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.workflows.definition.definitions import Definitions
from app.workflows.definition.spec import Workflow
from app.workflows.engine import TaskReceived, Tick
from app.workflows.run import Done
from tests.workflows.simulation import Life, answer
from topics.model_requests import ModelRequest
from topics.results import Result
from topics.tasks import Task


def begun(steps: dict[str, Any], *, task: dict[str, Any] | None = None, **fields: Any) -> Life:
    """Return the life of a run that has just begun; the input is {"question": "why?"} unless `task` has another."""
    spec = Workflow.model_validate({"id": "w", "deadline": 100.0, "steps": steps, **fields})
    life = Life(Definitions([spec]))
    life.give(
        TaskReceived(
            "t", Task.model_validate({"id": "t", "workflow": "w", "input": {"question": "why?"}, **(task or {})})
        )
    )
    return life


def asking(*models: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "ask", "models": models or ("alpha",), "prompt": "{{ input.question }}", **fields}


def transform(value: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "transform", "value": value, **fields}


def outcome(life: Life) -> Result:
    (result,) = life.results
    assert isinstance(life.state, Done)
    return result


def asked(life: Life) -> list[str]:
    """Return the ids of the open requests."""
    return [request.id or "" for request in life.open]


def answer_next(life: Life, text: str = "Yes", error: str | None = None) -> Any:
    """Answer the oldest open request, and return it."""
    request = life.open.pop(0)
    life.give(answer(request, text, error))
    return request


def answer_all(life: Life, say: Callable[[ModelRequest], str]) -> None:
    """Answer all model requests, those that follow too, each by what `say` returns for it."""
    while life.open:
        request = life.open.pop(0)
        assert isinstance(request, ModelRequest)
        life.give(answer(request, say(request)))


def later(life: Life, seconds: float) -> None:
    """Let time pass."""
    life.now += seconds
    life.give(Tick())
