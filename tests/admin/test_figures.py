from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.admin import figures
from app.admin.figures import Figures
from topics.base import Failure
from topics.model_requests import Ticket
from topics.model_responses import ModelResponse, Usage
from topics.results import Result, StepReport

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def result(seconds: float, workflow: str = "w", **fields: Any) -> Result:
    times = {"accepted_at": NOW, "finished_at": NOW + timedelta(seconds=seconds)}
    return Result(task_id="t", workflow=workflow, **({"status": "succeeded"} | times | fields))


def response(model: str, seconds: float, **fields: Any) -> ModelResponse:
    return ModelResponse(id="r", task_id="t", step="s", branch="b", model=model, seconds=seconds, **fields)


def test_that_a_workflow_has_its_rate_quantiles_errors_and_cost() -> None:
    found = Figures("workflow")
    for seconds in range(1, 101):
        found.add(result(seconds, usage=Usage(cost=0.5)))
    found.add(result(1.0, status="failed", error=Failure(code="timeout", message="late")))
    found.add(result(1.0, status="cancelled"))
    found.add(result(2.0, "other"))
    row, other = found.rows(10.0)
    assert (row.name, row.count, row.rate, row.cost) == ("w", 102, 10.2, 50.0)
    assert (row.errors, row.error_rate) == ({"timeout": 1, "cancelled": 1}, 2 / 102)
    for share, quantile in ((49.0, row.p50), (95.0, row.p95), (99.0, row.p99)):
        assert quantile == pytest.approx(share, rel=0.06)
    assert (row.longest, other.name, other.p50) == (100.0, "other", 2.0)


def test_that_a_step_is_named_with_its_workflow_and_one_that_was_skipped_does_not_count() -> None:
    steps = (
        StepReport(step="a", kind="ask", status="succeeded", seconds=1.0),
        StepReport(step="b", kind="ask", status="failed", seconds=2.0, error=Failure(code="no_model", message="")),
        StepReport(step="c", kind="ask", status="skipped", seconds=0.0),
    )
    found = Figures("step")
    found.add(result(3.0, steps=steps))
    rows = [(row.name, row.count, row.errors) for row in found.rows(1.0)]
    assert rows == [("w/a", 1, {}), ("w/b", 1, {"no_model": 1})]


def test_that_an_unfinished_batch_is_no_call_of_a_model() -> None:
    found = Figures("model")
    found.add(response("m", 0.0))
    found.add(response("m", 9.0, ticket=Ticket(batch="b", item="i", at=0.0, poll=1.0)))
    (row,) = found.rows(1.0)
    assert (row.count, row.longest, row.p50) == (1, 0.0, 0.0)


def test_that_groups_and_codes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "_MOST", 2)
    monkeypatch.setattr(figures, "_MOST_CODES", 2)
    found = Figures("model")
    for number in range(5):
        found.add(response(f"m{number}", 1.0))
        found.add(response("m0", 1.0, error=Failure(code=f"e{number}", message="")))
    rows = {row.name: row for row in found.rows(1.0)}
    assert rows.keys() == {"m0", "m1", "other"}
    assert rows["m0"].errors == {"other": 3, "e0": 1, "e1": 1}
