from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.cli.tasks.results import Wanted
from topics.base import Failure
from topics.results import Result

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _result(**fields: Any) -> Result:
    usual = {"task_id": "a", "workflow": "w", "status": "succeeded", "accepted_at": _NOW, "finished_at": _NOW}
    return Result.model_validate(usual | fields)


_FAILED = {"status": "failed", "error": Failure(code="timeout", message="no")}


@pytest.mark.parametrize(
    ("wanted", "result", "matches"),
    [
        (Wanted(), {}, True),
        (Wanted(workflow="w", status="succeeded"), {}, True),
        (Wanted(workflow="W"), {}, False),
        (Wanted(status="failed"), {}, False),
        (Wanted(tenant="acme"), {}, False),
        (Wanted(tenant=""), {}, True),
        (Wanted(tenant=""), {"tenant": "acme"}, False),
        (Wanted(tenant="acme"), {"tenant": "acme"}, True),
        (Wanted(error="timeout"), _FAILED, True),
        (Wanted(error="model"), _FAILED, False),
        (Wanted(error="timeout"), {}, False),
    ],
)
def test_a_result_is_wanted_if_all_that_is_asked_for_is_true(
    wanted: Wanted, result: dict[str, Any], *, matches: bool
) -> None:
    assert wanted.matches(_result(**result)) is matches
