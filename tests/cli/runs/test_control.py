from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.cli.runs import control
from app.cli.runs.control import NoSuchRun, NoSuchSignal
from app.client.client import Client, attach
from app.errors import DeadlineExceeded
from app.partitioner import partition_of
from app.settings import Settings, TopicSettings
from app.workflows.run import Run
from tests.cli.runlog import START, Log, moment, publish
from topics import DEFINITIONS, RESULTS, SIGNALS
from topics.definitions import DefinitionEvent
from topics.results import Result
from topics.signals import Signal
from topics.tasks import Task

_GO = Signal(task_id="q-1", name="go", payload={"by": "eve"}, actor="eve")
_CANCEL = Signal(task_id="q-1", kind="cancel", name="enough")


@pytest_asyncio.fixture
async def client(embedded: Connection) -> AsyncIterator[Client]:
    settings = Settings(topics=TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=4))
    await ensure_topics(embedded, settings.topics)
    async with attach(settings, embedded) as found:
        yield found


async def _begin(client: Client) -> None:
    log = Log()
    log.task()
    await publish(client, log)


async def _begin_with(client: Client, **steps: Any) -> None:
    """Begin a run of a workflow that is deployed with these steps."""
    spec = {"id": "w", "version": 1, "steps": steps}
    event = DefinitionEvent(kind="version", workflow="w", version=1, spec=spec, at=moment(0.0))
    await (await client.send(DEFINITIONS, "w/1", event, id="d", partition=0))
    log = Log()
    log.state(Run("q-1", Task(id="q-1", workflow="w", input={}), "", START, START + 900, version=1))
    await publish(client, log)


async def _end(client: Client, **fields: Any) -> None:
    log = Log()
    log.result(1.0, **fields)
    await publish(client, log)


async def _signals(client: Client) -> list[Any]:
    async with client.read(SIGNALS, from_beginning=True) as reader:
        return [record async for record in reader.held()]


async def _answer_signals(client: Client, status: str) -> None:
    """Do as a worker does: end the run when a signal comes."""
    # A client of its own, as a worker's: one client opens what it needs for one task at a time.
    async with (
        attach(client.settings, client.connection) as worker,
        worker.read(SIGNALS, from_beginning=True) as reader,
    ):
        async for _ in reader.coming(20.0):
            await _end(worker, status=status)
            return


async def test_a_signal_goes_to_the_partition_of_its_run(client: Client) -> None:
    await _begin(client)
    await control.signal(client, _GO)
    (record,) = await _signals(client)
    assert (record.key, record.partition) == (b"q-1", partition_of("q-1", 4))
    assert SIGNALS.parse(record.value, max_bytes=1000) == _GO


@pytest.mark.parametrize(
    ("steps", "hint"),
    [
        ({"a": {"kind": "wait", "signal": "goo"}}, "did you mean `goo`?"),
        (
            {"a": {"kind": "wait", "signal": "approval"}, "b": {"kind": "wait", "signal": "ack"}},
            "known signals: ack, approval",
        ),
        ({"a": {"kind": "wait", "for": 9.0}}, "it uses no signals"),
    ],
)
async def test_a_signal_that_no_step_waits_for_is_not_sent(client: Client, steps: dict[str, Any], hint: str) -> None:
    await _begin_with(client, **steps)
    with pytest.raises(NoSuchSignal) as caught:
        await control.signal(client, _GO)
    assert str(caught.value) == f"no step of the workflow w waits for a signal go; {hint}"
    assert await _signals(client) == []


async def test_a_signal_that_a_step_waits_for_is_sent(client: Client) -> None:
    await _begin_with(client, first={"kind": "transform", "value": "1"}, then={"kind": "wait", "signal": "go"})
    await control.signal(client, _GO)
    assert len(await _signals(client)) == 1


@pytest.mark.parametrize("ended", [False, True])
async def test_nothing_is_sent_to_a_run_that_is_not_known_or_over(client: Client, *, ended: bool) -> None:
    if ended:
        await _end(client, status="failed")
    reason = "q-1 has already ended: failed" if ended else "unknown run q-1"
    with pytest.raises(NoSuchRun, match=reason):
        await control.signal(client, _GO)
    with pytest.raises(NoSuchRun, match=reason):
        await control.cancel(client, _CANCEL, 5.0)
    assert await _signals(client) == []


@pytest.mark.parametrize("status", ["cancelled", "succeeded"])
async def test_cancelling_returns_how_the_run_ended(client: Client, status: str) -> None:
    await _begin(client)
    async with asyncio.TaskGroup() as group:
        group.create_task(_answer_signals(client, status))
        result: Result = await control.cancel(client, _CANCEL, 20.0)
    assert (result.task_id, result.status) == ("q-1", status)


async def test_a_run_that_goes_on_is_said_to(client: Client) -> None:
    await _begin(client)
    with pytest.raises(DeadlineExceeded, match=r"q-1 has not ended within 200ms: meta-ai runs show q-1"):
        await control.cancel(client, _CANCEL, 0.2)
    with pytest.raises(DeadlineExceeded):
        await control.wait(client, "q-1", 0.2)


async def test_waiting_ends_at_once_when_the_result_is_there(client: Client) -> None:
    await _end(client)
    assert (await control.wait(client, "q-1", 0.1)).status == "succeeded"


async def test_waiting_ends_with_the_result_of_this_run_alone(client: Client) -> None:
    await _begin(client)
    waiting = asyncio.create_task(control.wait(client, "q-1", 20.0))
    while not waiting.done():
        await (await client.put(client.full_name(RESULTS), b"q-2", b"{}", []))
        await asyncio.sleep(0.1)
        await _end(client, status="cancelled")
    assert (await waiting).status == "cancelled"


async def test_waiting_for_a_run_that_is_not_known_does_not_wait(client: Client) -> None:
    with pytest.raises(NoSuchRun):
        await control.wait(client, "q-1", 60.0)
