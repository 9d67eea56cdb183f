"""A semaphore over all workers: at most so many runs of a workflow at once with the same key of a concurrency limit.

The owner of the key's partition grants the slots. A run asks it by an event, waits, and releases the slot when it
ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from app.workflows.definition.definitions import Definition
from app.workflows.kinds.base import Command
from app.workflows.run import Run, Semaphore
from app.workflows.template_context import context
from topics.slots import SlotEvent
from topics.step_results import StepResult


def acquire(run: Run, definition: Definition) -> tuple[Run, list[Command]]:
    """Return the run when it waits for a slot.

    Raises:
        WorkflowError: the key cannot be evaluated.
    """
    if definition.slot_key is None:
        return run, []
    key = str(definition.slot_key.evaluate(context(run, run.steps)))
    run = replace(run, slot="asked", slot_key=key)
    return run, [_event(run, definition, "acquire")]


def release(run: Run, definition: Definition) -> Iterator[SlotEvent]:
    """Yield the release of the slot, if the run holds one or waits for one."""
    if run.slot:
        yield _event(run, definition, "release")


def _event(run: Run, definition: Definition, action: str) -> SlotEvent:
    limit = definition.spec.concurrency
    return SlotEvent.model_validate(
        {
            "id": f"{run.task_id}/slot",
            "action": action,
            "workflow": definition.spec.id,
            "key": run.slot_key,
            "task_id": run.task_id,
            "limit": limit.limit if limit else 1,
            "priority": definition.priority_of(run.task),
            "expires_at": datetime.fromtimestamp(run.deadline, UTC),
        }
    )


def grant(state: Semaphore | None, event: SlotEvent | None, now: float) -> tuple[Semaphore, list[StepResult]]:
    """Return the semaphore of a key after `event` (or, without one, after time has passed), and the grants to send.

    A repeated request is answered again, and a repeated release changes nothing, so that repeated events do no harm.
    """
    slots = state or Semaphore()
    done = event.task_id if event and event.action == "release" else None
    holders = {task_id: at for task_id, at in slots.holders.items() if at > now and task_id != done}
    queue = tuple(entry for entry in slots.queue if entry[4] > now and entry[2] != done)
    slots = replace(slots, holders=holders, queue=queue)
    grants: list[StepResult] = []
    if event and event.action == "acquire":
        slots = replace(slots, limit=event.limit)
        if event.task_id in slots.holders:
            grants.append(_grant(event.task_id, event.id))
        elif all(task_id != event.task_id for _, _, task_id, _, _ in slots.queue):
            place = (-event.priority, slots.arrivals, event.task_id, event.id, event.expires_at.timestamp())
            slots = replace(slots, queue=tuple(sorted((*slots.queue, place))), arrivals=slots.arrivals + 1)
    while slots.queue and len(slots.holders) < slots.limit:
        (_, _, task_id, request_id, expires_at), *others = slots.queue
        slots = replace(slots, holders={**slots.holders, task_id: expires_at}, queue=tuple(others))
        grants.append(_grant(task_id, request_id))
    return slots, grants


def _grant(task_id: str, request_id: str) -> StepResult:
    return StepResult(id=request_id, task_id=task_id)
