"""The runs, as the deciders see them: the bridge between delivery, which moves events, and the pure engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiokafka.partitioner import murmur2

from app.delivery.deciding import Decision
from app.delivery.envelope import Outgoing, Received
from app.errors import InvalidEvent
from app.telemetry.metrics import Metrics
from app.workflows.definitions import Definitions
from app.workflows.engine import Accept, Command, Input, Limits, Tick, advance
from app.workflows.run import Done, Run, RunState, encode
from topics import MODEL_REQUESTS, RESULTS, RETRIEVAL_REQUESTS, TASKS
from topics.base import Failure
from topics.model_requests import ModelRequest
from topics.results import Result
from topics.retrieval_requests import RetrievalRequest
from topics.tasks import Task

_MAX_ID = 200


@dataclass(frozen=True, slots=True)
class Runs:
    """Decides for runs, by task id."""

    definitions: Definitions
    limits: Limits
    partitions: int
    metrics: Metrics

    def key(self, received: Received[Any]) -> str:
        """Return the task id."""
        event = received.event
        return task_id(received) if isinstance(event, Task) else event.task_id

    def decide(self, value: RunState | None, received: Received[Any], now: float) -> Decision[RunState]:
        """Return what follows from a task, a retrieval result or a model response."""
        event = received.event
        if not isinstance(event, Task):
            return Decision(wait=True) if value is None else self._advance(value, event, received.partition, now)
        own_id = task_id(received)
        home = partition_of(own_id, self.partitions)
        if home != received.partition:
            return Decision(outgoing=[_send_home(event, own_id, home, received)])
        return self._advance(value, Accept(own_id, event, received.traceparent), home, now)

    def wake(self, value: RunState, now: float) -> Decision[RunState]:
        """Return what follows from a time-out, or forget a run that ended long ago."""
        if isinstance(value, Done):
            return Decision(forget=True)
        return self._advance(value, Tick(), partition_of(value.task_id, self.partitions), now)

    def encode(self, value: RunState) -> bytes:
        """Return the state as JSON."""
        return encode(value)

    def lesser(self, outgoing: Sequence[Outgoing], error: InvalidEvent) -> Sequence[Outgoing]:
        """Return a failed result in place of one that is too large; a request that is, runs into its time-out."""
        return [
            replace(one, event=_without_texts(one.event, error)) for one in outgoing if isinstance(one.event, Result)
        ]

    def _advance(self, value: RunState | None, event: Input, partition: int, now: float) -> Decision[RunState]:
        state, commands = advance(value, event, self.definitions, now, self.limits)
        for command in commands:
            if isinstance(command, Result):
                seconds = (command.finished_at - command.accepted_at).total_seconds()
                self.metrics.run_finished(command.workflow, command.status, seconds)
        parent = value.traceparent if isinstance(value, Run) else None
        outgoing = [_outgoing(command, partition, parent) for command in commands]
        return Decision(value=None if state is value else state, outgoing=outgoing)


def task_id(received: Received[Task]) -> str:
    """Return the task's id: its own, or else the message's key, or else its place."""
    if received.event.id:
        return received.event.id
    key = (received.key or b"").decode(errors="replace").strip()
    # A key that is no text, or too long for an id, could be mistaken for another when cut to fit.
    if 0 < len(key) <= _MAX_ID and "\N{REPLACEMENT CHARACTER}" not in key:
        return key
    return f"{received.topic}-{received.partition}-{received.offset}"


def partition_of(key: str, partitions: int) -> int:
    """Return the partition that Kafka's default partitioner gives a key."""
    hashed: int = murmur2(key.encode())
    return (hashed & 0x7FFFFFFF) % partitions


def _send_home(task: Task, own_id: str, home: int, received: Received[Task]) -> Outgoing:
    """Move a task that another client's partitioner, or a missing key, put elsewhere: one id, one partition."""
    return Outgoing(TASKS, own_id, task.model_copy(update={"id": own_id}), received.id, home)


def _without_texts(result: Result, error: InvalidEvent) -> Result:
    failure = Failure(code=error.reason, message=str(error))
    return result.model_copy(update={"status": "failed", "answer": None, "candidates": (), "error": failure})


def _outgoing(command: Command, partition: int, traceparent: str | None) -> Outgoing:
    match command:
        case RetrievalRequest():
            return Outgoing(RETRIEVAL_REQUESTS, command.task_id, command, command.id, partition, traceparent)
        case ModelRequest():
            return Outgoing(MODEL_REQUESTS, command.task_id, command, command.id, partition, traceparent)
        case Result():
            return Outgoing(RESULTS, command.task_id, command, f"{command.task_id}/result", partition, traceparent)
