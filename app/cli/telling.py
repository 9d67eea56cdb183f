"""Making the story of a run out of its history."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.cli.history import History
from app.cli.story import Received, Status, Story, moment
from app.cli.telling_steps import steps
from topics.results import Result


def tell(history: History, now: float) -> Story:
    """Return the story of a run that is known, as it is at `now` in epoch seconds."""
    result, run, task = _event(history.result), history.run, _event(history.task)
    accepted = result.accepted_at if result else moment(run.accepted_at) if run else None
    own = run.task if run else task
    return Story(
        task_id=history.task_id,
        workflow=result.workflow if result else own.workflow,
        version=result.workflow_version if result else run.version if run else 0,
        status=_status(result),
        waits=_waits(history),
        accepted_at=accepted or moment(history.task.at if history.task else 0.0),
        deadline=moment(run.deadline) if run else None,
        parent=own.parent.task_id if own and own.parent else "",
        at=datetime.fromtimestamp(now).astimezone(),
        steps=steps(history),
        signals=tuple(_signal(one) for one in history.signals),
        result=result,
    )


def _event(seen: Any) -> Any:
    return seen.event if seen else None


def _status(result: Result | None) -> Status:
    return result.status if result else "running"


def _waits(history: History) -> str:
    if history.result:
        return ""
    if history.run is None:
        return "to be accepted"
    if not history.run.version:
        return f"for its workflow {history.run.task.workflow} to be deployed"
    if history.run.budget:
        return f"for money of the budget {history.run.budget}"
    return "for its turn" if history.run.slot == "asked" else ""


def _signal(seen: Any) -> Received:
    event = seen.event
    return Received(kind=event.kind, name=event.name, actor=event.actor, at=moment(seen.at))
