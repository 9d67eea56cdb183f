"""Send the task of a run that did not succeed again, under a new id."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from app.cli.runs import control
from app.client.client import Client
from app.errors import OrchestratorError
from app.runs import history_reader
from topics import TASKS
from topics.results import Result
from topics.tasks import Task

#: The name in the metadata of a task, and so of its result, of the run that it repeats.
RETRY_OF = "retry_of"
_NUMBERED = re.compile(r"(.*)\.retry-([0-9]{1,9})", re.DOTALL)
_LONGEST_ID = 200


class NotRetryable(OrchestratorError):
    """The run has not failed, its task is not known any more, or it was already sent again."""

    code = "not_retryable"


async def retry(client: Client, task_id: str, new_id: str | None = None) -> str:
    """Send the task of a failed or cancelled run again, and return the new id.

    It is always a new one: a task with the id of a run that ended lately is a repetition and does nothing, and later
    the answers recorded under the old id would be taken for those of the new run. Without `new_id`, the id follows from
    the old one, so that the same command twice makes one run.

    Raises:
        NoSuchRun: no topic has the run.
        NotRetryable: it has not failed, its task is gone, or a retry of it is running or has succeeded.
    """
    found = await control.find_run(client, task_id)
    if found.result is None:
        raise NotRetryable(f"the run {task_id} has not ended; to stop it: meta-ai runs cancel {task_id}")
    if found.result.event.status == "succeeded":
        raise NotRetryable(f"the run {task_id} succeeded; to run it again, send its task with a new id")
    if found.task is None:
        raise NotRetryable(
            f"the task {task_id} is no longer on the topic tasks, or cannot be read; send it again from where it came"
        )
    task = _again(found.task.event, task_id, await _free_id(client, task_id, new_id))
    await (await client.send(TASKS, str(task.id), task, id=str(task.id)))
    return str(task.id)


def _again(task: Task, task_id: str, new_id: str) -> Task:
    """Return the task of a run as a new one; a deadline that has passed is dropped, and no parent waits any more."""
    over = task.deadline is not None and task.deadline <= datetime.now(UTC)
    changes = {"id": new_id, "parent": None, "metadata": {**task.metadata, RETRY_OF: task_id}}
    return task.model_copy(update=changes | ({"deadline": None} if over else {}))


async def _free_id(client: Client, task_id: str, new_id: str | None) -> str:
    """Return the id of the new run: `new_id`, or the first of `ID.retry-1`, `ID.retry-2`, … that is free."""
    if new_id is not None:
        if (await history_reader.read(client, new_id)).known:
            raise NotRetryable(f"there is a run {new_id} already; choose another id")
        return new_id
    numbered = _NUMBERED.fullmatch(task_id)
    base, number = (numbered[1], int(numbered[2])) if numbered else (task_id, 0)
    while True:
        number += 1
        name = f"{base}.retry-{number}"
        if len(name) > _LONGEST_ID:
            raise NotRetryable(f"{name} is longer than {_LONGEST_ID} characters; choose an id with --id")
        found = await history_reader.read(client, name)
        if not found.known:
            return name
        _require_failed(task_id, name, found.result.event if found.result else None)


def _require_failed(task_id: str, name: str, result: Result | None) -> None:
    status = result.status if result else "running"
    if status in {"running", "succeeded"}:
        raise NotRetryable(f"{task_id} was sent again as {name}, which is {status}: meta-ai runs show {name}")
