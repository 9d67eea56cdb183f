"""The tool calls that an answer asks for, and how later steps see them."""

from __future__ import annotations

from typing import Any

from app.json_text import strict
from app.workflows.run import StepRun
from topics.model_requests import ToolCall


def chosen_tool_calls(step: StepRun) -> tuple[ToolCall, ...]:
    """Return the tool calls of a step's chosen answer; none unless the step succeeded with it."""
    return branch_tool_calls(step, step.branch) if step.status == "succeeded" else ()


def branch_tool_calls(step: StepRun, branch: str) -> tuple[ToolCall, ...]:
    """Return the tool calls of a branch's answer."""
    if not branch:
        return ()
    answered = (one for one in step.responses if one.branch == branch and one.error is None)
    return next((one.tool_calls for one in answered), ())


def parsed(call: ToolCall) -> dict[str, Any]:
    """Return a call as expressions see it: `arguments` is the JSON in `raw`, or null where that is not valid."""
    try:
        arguments = strict(call.arguments) if call.arguments.strip() else {}
    except ValueError:
        arguments = None
    return {"id": call.id, "name": call.name, "arguments": arguments, "raw": call.arguments}
