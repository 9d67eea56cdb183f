"""Signal, approve, cancel and await a run."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

from app.admin.approvals import audit_event, objection
from app.client import topic_ranges
from app.client.client import Client
from app.client.reader import Reader
from app.durations import format_duration
from app.errors import DeadlineExceeded, InvalidEvent, OrchestratorError
from app.runs import history_reader
from app.runs.history import RunHistory
from app.suggestions import closest_match, did_you_mean
from topics import AUDIT, RESULTS, SIGNALS, TASKS
from topics.results import Result
from topics.signals import Signal
from topics.tasks import task_id

#: How many of the last records of a partition, and how many ids in all, an unknown id is compared with.
_RECENT, _MOST_COMPARED = 100, 2000


class NoSuchRun(OrchestratorError):
    """No topic has a run of that id, or it has already ended."""

    code = "unknown_run"


class NotAwaited(OrchestratorError):
    """The run's task needs no approval, or not one by whoever has sent it."""

    code = "no_approval_wanted"


class NoSuchSignal(OrchestratorError):
    """No step of the run's workflow waits for a signal of that name."""

    code = "unknown_signal"


async def find_run(client: Client, task_id: str) -> RunHistory:
    """Return the history of a run.

    Raises:
        NoSuchRun: no topic has it.
    """
    found = await history_reader.read(client, task_id)
    if not found.known:
        near = closest_match(task_id, await _recent_ids(client))
        raise NoSuchRun(f"unknown run {task_id}; {f'did you mean `{near}`? ' if near else ''}see meta-ai runs list")
    return found


async def signal(client: Client, event: Signal) -> None:
    """Send a signal to its run, which must be running.

    Raises:
        NoSuchRun: it is unknown or has already ended.
        NoSuchSignal: none of its steps waits for a signal of that name.
    """
    found = await find_run(client, event.task_id)
    _require_running(found)
    _require_expected(found, event.name)
    await _send(client, event)


async def decide(client: Client, event: Signal) -> None:
    """Approve or reject the task of a run that waits for it.

    Raises:
        NoSuchRun: it is unknown or has already ended.
        NotAwaited: its task needs no approval, or the sender's own cannot be given.
    """
    found = await find_run(client, event.task_id)
    _require_running(found)
    wanted = found.task.event.approval if found.task else None
    why = objection(wanted, event.actor)
    if wanted is None or why:
        raise NotAwaited(f"{event.task_id}: {why}")
    await _send(client, event)
    noted = audit_event(event, wanted)
    await (await client.send(AUDIT, noted.subject, noted, id=noted.id))


async def cancel(client: Client, event: Signal, timeout: float) -> Result:
    """Cancel a run and return its result, which may not be `cancelled` if the run ended at the same moment.

    Raises:
        NoSuchRun: it is unknown or has already ended.
        DeadlineExceeded: it has not ended after `timeout` seconds.
    """
    # Opened before anything is sent, so that a result that arrives in the meantime is not missed.
    async with client.read(RESULTS) as reader:
        _require_running(await find_run(client, event.task_id))
        await _send(client, event)
        return await _result(reader, event.task_id, timeout)


async def wait(client: Client, task_id: str, timeout: float) -> Result:
    """Return the result of a run, immediately if it has ended.

    Raises:
        NoSuchRun: it is unknown.
        DeadlineExceeded: it has not ended after `timeout` seconds.
    """
    async with client.read(RESULTS) as reader:
        found = await find_run(client, task_id)
        return found.result.event if found.result else await _result(reader, task_id, timeout)


async def _recent_ids(client: Client) -> list[str]:
    """Return the ids of the tasks and results that were last written to each partition."""
    prefix, found = client.settings.topics.prefix, dict[str, None]()
    for record in await topic_ranges.read_last(client, _RECENT, [RESULTS, TASKS]):
        topic = RESULTS if record.topic == prefix + RESULTS.name else TASKS
        if event := topic.event_in(record):
            found[event.task_id if isinstance(event, Result) else task_id(event, record)] = None
    return list(found)[:_MOST_COMPARED]


async def _send(client: Client, event: Signal) -> None:
    # Without a partition, the producer takes that of the key, where the run is.
    await (await client.send(SIGNALS, event.task_id, event, id=uuid4().hex))


async def _result(reader: Reader, task_id: str, timeout: float) -> Result:
    try:
        async for record in reader.coming(timeout):
            if record.key == task_id.encode():
                return RESULTS.parse(record.value, max_bytes=len(record.value or b""))
    except InvalidEvent as error:
        raise OrchestratorError(f"the result of {task_id} cannot be read: {error}") from None
    except DeadlineExceeded:
        pass
    raise DeadlineExceeded(
        f"the run {task_id} has not ended within {format_duration(timeout)}: meta-ai runs show {task_id}"
    )


def _require_running(found: RunHistory) -> None:
    if found.result:
        raise NoSuchRun(f"the run {found.task_id} has already ended: {found.result.event.status}")


def _require_expected(found: RunHistory, name: str) -> None:
    names = sorted(_expected_signals(found))
    if not found.spec or name in names:  # the spec of the built-in workflow, or before a version, is unknown
        return
    hint = did_you_mean(name, names, "known signals:") if names else "it uses no signals"
    raise NoSuchSignal(f"no step of the workflow {found.spec.get('id')} waits for a signal {name}; {hint}")


def _expected_signals(found: RunHistory) -> Iterator[str]:
    """Yield the names of the signals for which steps of the workflow wait; items of a map cannot."""
    for step in found.spec.get("steps", {}).values():
        if isinstance(step.get("signal"), str):
            yield step["signal"]
