"""Telling a run something, and waiting for what comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

from app.cli import collecting
from app.cli.client import Client
from app.cli.history import History
from app.cli.reader import Reader
from app.errors import DeadlineExceeded, InvalidEvent, OrchestratorError
from app.source.problems import nearest
from topics import RESULTS, SIGNALS
from topics.results import Result
from topics.signals import Signal


class NoSuchRun(OrchestratorError):
    """No topic knows of a run of that id, or it is over."""

    code = "unknown_run"


class NoSuchSignal(OrchestratorError):
    """No step of the run's workflow waits for a signal of that name."""

    code = "unknown_signal"


async def look(client: Client, task_id: str) -> History:
    """Return the history of a run.

    Raises:
        NoSuchRun: no topic knows of it.
    """
    found = await collecting.read(client, task_id)
    if not found.known:
        raise NoSuchRun(f"no run {task_id} is known here: meta-ai runs list shows those that are")
    return found


async def signal(client: Client, event: Signal) -> None:
    """Send a signal to its run, which is under way.

    Raises:
        NoSuchRun: it is not known, or it is over.
        NoSuchSignal: none of its steps ever waits for such a signal.
    """
    found = await look(client, event.task_id)
    _demand_under_way(found)
    _demand_awaited(found, event.name)
    await _send(client, event)


async def cancel(client: Client, event: Signal, timeout: float) -> Result:
    """Cancel a run, and return its result, which is another one when the run ended in the same moment.

    Raises:
        NoSuchRun: it is not known, or it is over.
        DeadlineExceeded: it has not ended after `timeout` seconds.
    """
    # Opened before anything is asked: a result that comes meanwhile is not missed.
    async with client.read(RESULTS) as reader:
        _demand_under_way(await look(client, event.task_id))
        await _send(client, event)
        return await _result(reader, event.task_id, timeout)


async def wait(client: Client, task_id: str, timeout: float) -> Result:
    """Return the result of a run, at once when it is there.

    Raises:
        NoSuchRun: it is not known.
        DeadlineExceeded: it has not ended after `timeout` seconds.
    """
    async with client.read(RESULTS) as reader:
        found = await look(client, task_id)
        return found.result.event if found.result else await _result(reader, task_id, timeout)


async def _send(client: Client, event: Signal) -> None:
    # Without a partition, the key's own: that is where the run is.
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
    raise DeadlineExceeded(f"the run {task_id} has not ended within {timeout:g} s: meta-ai runs show {task_id}")


def _demand_under_way(found: History) -> None:
    if found.result:
        raise NoSuchRun(f"the run {found.task_id} is over: {found.result.event.status}")


def _demand_awaited(found: History, name: str) -> None:
    names = sorted(_signals(found))
    if not found.spec or name in names:  # of the built-in workflow, and of one without a version yet, no form is known
        return
    near = nearest(name, names)
    mend = f"did you mean {near}?" if near else f"there are {', '.join(names)}" if names else "they wait for none"
    raise NoSuchSignal(f"no step of the workflow {found.spec.get('id')} waits for a signal {name}; {mend}")


def _signals(found: History) -> Iterator[str]:
    """Yield the names of the signals for which steps of the workflow wait; no item of a map can."""
    for step in found.spec.get("steps", {}).values():
        if isinstance(step.get("signal"), str):
            yield step["signal"]
