"""The end of a run: its result, and the release of all that it holds."""

from __future__ import annotations

from app.workflows.budgets.client import remembered, settle
from app.workflows.child_workflows import cancellation, notify_parent
from app.workflows.definition.definitions import Definition
from app.workflows.engine_context import EngineContext
from app.workflows.kinds.base import Command
from app.workflows.run import WAITING, Done, Run
from app.workflows.run_result import result
from app.workflows.semaphores import release
from app.workflows.webhooks import notify_webhook
from topics.base import Failure


def complete(
    run: Run, definition: Definition | None, error: Failure | None, engine: EngineContext, now: float
) -> tuple[Done, list[Command]]:
    """Return what is remembered of a run, and the last events that it sends: its result first."""
    if error is None and definition and definition.output:
        error = _output_mismatch(run, definition)
    outcome = result(run, definition, error, now)
    if run.models is not None and error is None:
        outcome = outcome.model_copy(update={"degraded": True})
    commands: list[Command] = [outcome, *notify_parent(run, outcome), *notify_webhook(run.task, outcome)]
    if definition:
        for name in sorted(run.active):
            commands += cancellation(run, definition, name, run.steps.get(name, WAITING))
        commands += release(run, definition)
    commands += settle(run, outcome.usage.cost)
    return remembered(run, now + engine.limits.remember), commands


def _output_mismatch(run: Run, definition: Definition) -> Failure | None:
    answer = run.steps.get(definition.answer, WAITING)
    if definition.output is None or answer.status == "skipped":
        return None
    wrong = definition.output.complaint(answer.outcome)
    return (
        Failure(code="invalid_output", message=f"the answer is not valid against the output schema: {wrong}")
        if wrong
        else None
    )
