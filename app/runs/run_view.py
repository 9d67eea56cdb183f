"""Build the view of a run from its history."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.runs.history import RunHistory
from app.runs.step_views import build_step_views
from app.runs.views import RunView, SignalView, Status, utc_time
from app.workflows.run import Run
from topics.results import Result
from topics.tasks import Task

#: The errors of tasks for which no version of a workflow began.
_NEVER_BEGAN = frozenset({"invalid_event", "unknown_workflow"})


def build_run_view(history: RunHistory, now: float) -> RunView:
    """Return the view of a known run at `now`, in epoch seconds."""
    result, run, task = _event(history.result), history.run, _event(history.task)
    accepted = result.accepted_at if result else utc_time(run.accepted_at) if run else None
    own = run.task if run else task
    return RunView(
        task_id=history.task_id,
        workflow=result.workflow if result else own.workflow,
        version=_version(result, run, own),
        status=_status(result),
        waits=_waiting_for(history),
        accepted_at=accepted or utc_time(history.task.at if history.task else 0.0),
        deadline=utc_time(run.deadline) if run else None,
        parent=own.parent.task_id if own and own.parent else "",
        at=datetime.fromtimestamp(now, UTC),
        steps=build_step_views(history),
        signals=tuple(_signal(one) for one in history.signals),
        result=result,
    )


def _version(result: Result | None, run: Run | None, task: Task | None) -> int:
    """Return the version that runs, or that the task asks for; 0 if there is none."""
    asked = (task and task.version) or 0
    if result and result.error and result.error.code in _NEVER_BEGAN:
        return asked
    return result.workflow_version if result else (run and run.version) or asked


def _event(seen: Any) -> Any:
    return seen.event if seen else None


def _status(result: Result | None) -> Status:
    return result.status if result else "running"


def _waiting_for(history: RunHistory) -> str:
    if history.result:
        return ""
    if history.run is None:
        return "to be accepted"
    if not history.run.version:
        return f"for its workflow {history.run.task.workflow} to be deployed"
    if history.run.approval == "awaited" and (wanted := history.run.task.approval):
        return f"for an approval, which the policy {wanted.policy} wants" + (f": {wanted.reason}" * bool(wanted.reason))
    if history.run.budget:
        return f"for money of the budget {history.run.budget}"
    return "for its turn" if history.run.slot == "asked" else ""


def _signal(seen: Any) -> SignalView:
    event = seen.event
    return SignalView(kind=event.kind, name=event.name, actor=event.actor, at=utc_time(seen.at))
