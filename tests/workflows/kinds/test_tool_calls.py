from __future__ import annotations

from typing import Any

import pytest

from app.workflows.kinds.tool_calls import branch_tool_calls, chosen_tool_calls, parsed
from app.workflows.run import StepRun
from topics.base import Failure
from topics.model_requests import ToolCall
from topics.model_responses import ModelResponse

CALL = ToolCall(id="c1", name="search", arguments='{"q": 1}')


def _step(status: Any = "succeeded", **fields: Any) -> StepRun:
    response = ModelResponse(id="i", task_id="t", step="s", branch="a", model="a", tool_calls=(CALL,))
    return StepRun(status=status, branch="a", responses=(response.model_copy(update=fields),))


def test_that_the_chosen_answers_calls_are_the_steps() -> None:
    assert chosen_tool_calls(_step()) == (CALL,)


@pytest.mark.parametrize(
    "step",
    [
        _step("failed"),
        _step(branch="b"),
        _step(error=Failure(code="unavailable", message="gone")),
        StepRun(status="succeeded", output="instead"),
    ],
)
def test_that_what_did_not_become_the_answer_wants_nothing_called(step: StepRun) -> None:
    assert chosen_tool_calls(step) == ()


def test_that_a_fusions_own_text_is_of_no_branch() -> None:
    assert branch_tool_calls(_step(), "") == ()


@pytest.mark.parametrize(
    ("raw", "arguments"), [('{"q": [1]}', {"q": [1]}), ("", {}), (" ", {}), ('{"q": ', None), ("NaN", None)]
)
def test_that_arguments_are_read_and_the_raw_text_is_kept(raw: str, arguments: Any) -> None:
    call = ToolCall(id="c1", name="search", arguments=raw)
    assert parsed(call) == {"id": "c1", "name": "search", "arguments": arguments, "raw": raw}
