"""List the runs on the topics, one row each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import AwareDatetime

from app.cli.tasks import result_view
from app.client import topic_ranges
from app.client.client import Client
from app.runs.history_reader import runs_topic
from app.runs.views import Status, View, utc_time
from app.settings import Settings
from app.workflows.records import Assembler
from app.workflows.run import Run
from topics import RESULTS, TASKS
from topics.tasks import Task, task_id


class RunRow(View):
    """One run: `seconds` are those until its end, `cost` is in US dollars.

    `parent` is the run that started it, if one did. `at` lists the running steps, or names what the run waits for
    before it starts.
    """

    id: str
    workflow: str
    version: int = 0
    status: Status = "running"
    parent: str = ""
    accepted_at: AwareDatetime
    seconds: float | None = None
    tokens: int = 0
    cost: float = 0.0
    at: str = ""
    error: str = ""


async def read(client: Client, since: float | None) -> list[RunRow]:
    """Return all runs accepted after `since` (epoch seconds), or all that are kept, newest first.

    Raises:
        BrokerError: there are no topics, or the broker fails.
    """
    records = await topic_ranges.read_since(client, since, [TASKS, RESULTS], whole=[runs_topic(client.settings)])
    return [row for row in rows(records, client.settings) if since is None or row.accepted_at.timestamp() >= since]


def rows(records: Iterable[Any], settings: Settings) -> list[RunRow]:
    """Return the runs in these records of tasks, results and states, newest first; invalid events are skipped."""
    prefix, assembler = settings.topics.prefix, Assembler()
    found: dict[str, RunRow] = {}
    for record in sorted(records, key=lambda record: record.timestamp):
        if record.topic == prefix + TASKS.name:
            found |= _task(record, found)
        elif record.topic == prefix + RESULTS.name:
            found |= _result(record, found)
        elif record.key is not None:
            assembler.add(record.key.decode(errors="replace"), record.value)
    for key, state in assembler.states().items():
        if isinstance(state, Run) and _newer(state, found.get(key)):
            found[key] = _running_row(state)
    return sorted(found.values(), key=lambda row: row.accepted_at, reverse=True)


def _task(record: Any, found: dict[str, RunRow]) -> dict[str, RunRow]:
    if (task := TASKS.event_in(record)) is None:
        return {}
    own_id, accepted = task_id(task, record), utc_time(record.timestamp / 1000)
    # A task that was sent again is the same run and has its row already.
    if own_id in found or not accepted:
        return {}
    version = task.version or 0
    return {
        own_id: RunRow(id=own_id, workflow=task.workflow, version=version, parent=_parent(task), accepted_at=accepted)
    }


def _parent(task: Task) -> str:
    return task.parent.task_id if task.parent else ""


def _result(record: Any, found: dict[str, RunRow]) -> dict[str, RunRow]:
    if (result := RESULTS.event_in(record)) is None:
        return {}
    row = RunRow(
        id=result.task_id,
        workflow=result.workflow,
        version=result.workflow_version,
        status=result.status,
        # The result does not say; its task, read before it, does.
        parent=found[result.task_id].parent if result.task_id in found else "",
        accepted_at=result.accepted_at,
        seconds=result_view.duration(result),
        tokens=result.usage.input_tokens + result.usage.output_tokens,
        cost=result.usage.cost,
        error=result.error.code if result.error else "",
    )
    return {row.id: row}


def _newer(run: Run, row: RunRow | None) -> bool:
    """Whether this state is of a newer run than `row`: the last state of a run is written just after its result."""
    return row is None or row.status == "running" or row.accepted_at.timestamp() + (row.seconds or 0) < run.accepted_at


def _running_row(run: Run) -> RunRow:
    used = [step.usage for step in run.steps.values()]
    accepted = utc_time(run.accepted_at)
    return RunRow.model_validate(
        {
            "id": run.task_id,
            "workflow": run.task.workflow,
            "version": run.version or run.task.version or 0,
            "parent": _parent(run.task),
            "accepted_at": accepted,
            "tokens": sum(usage.input_tokens + usage.output_tokens for usage in used),
            "cost": sum(usage.cost for usage in used),
            "at": ", ".join(sorted(filter(None, run.active))) or _waiting_for(run),
        }
    )


def _waiting_for(run: Run) -> str:
    """Return what a run waits for before it starts."""
    return f"budget {run.budget}" if run.budget else "its turn" if run.slot == "asked" else ""
