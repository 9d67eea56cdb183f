"""What a result says, for an API that asks for an answer."""

from __future__ import annotations

import json
from typing import Any

from app.gateway.answers.chat_tasks import ChatTask
from app.workflows.definition.builtin import PASSTHROUGH
from topics.results import Candidate, Result


def model_name(chat: ChatTask, result: Result) -> str:
    """Return who answered: what was asked, or the model to which it was passed on."""
    chosen = chosen_candidate(result)
    return chosen.model if chosen and chat.task.workflow == PASSTHROUGH else chat.model


def content(result: Result) -> str:
    """Return the answer as a text: what a model wrote, or data as JSON."""
    if isinstance(result.answer, str):
        return result.answer
    if chosen := chosen_candidate(result):
        return chosen.text
    return "" if result.answer is None else json.dumps(result.answer, ensure_ascii=False)


def chosen_candidate(result: Result) -> Candidate | None:
    """Return the candidate that became the answer, if it was one."""
    return next((one for one in result.candidates if one.chosen), None)


def is_cut(result: Result) -> bool:
    """Whether the answer was cut off at the limit of its tokens."""
    chosen = chosen_candidate(result)
    return chosen is not None and chosen.finish_reason == "length"


def extension(chat: ChatTask, result: Result) -> dict[str, Any]:
    """Return what the API has no field for."""
    return {**result_extension(result), "ignored": chat.ignored}


def result_extension(result: Result) -> dict[str, Any]:
    """Return what of a result no API has a field for."""
    return {
        "run_id": result.task_id,
        "workflow": result.workflow,
        "workflow_version": result.workflow_version,
        "cost": result.usage.cost,
        "degraded": result.degraded,
        "sources": [one.model_dump(mode="json") for one in result.citations],
        "warnings": list(result.warnings or ()),
        **_panel(result),
    }


def _panel(result: Result) -> dict[str, Any]:
    """Return what each of several models has answered, and how far they agree."""
    if len(result.candidates) <= 1:
        return {}
    shown = {"branch", "model", "text", "chosen", "seconds", "error"}
    candidates = [{**one.model_dump(mode="json", include=shown), "cost": one.usage.cost} for one in result.candidates]
    known = {"fusion": result.fusion, "agreement": result.agreement, "confidence": result.confidence}
    return {"candidates": candidates, **known}
