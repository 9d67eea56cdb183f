"""The state machine of runs: the bridge between delivery, which moves events, and the pure engine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from app.audit.chain import ChainHead, next_link
from app.delivery.envelope import Outgoing, Received, first
from app.delivery.home import way_home
from app.delivery.stateful_processor import Decision
from app.errors import InvalidEvent, PoisonEvent
from app.partitioner import partition_of
from app.source.problems import unknown_key
from app.telemetry.metrics import Metrics
from app.workflows.budgets import owner
from app.workflows.budgets.state import BudgetState
from app.workflows.child_workflows import PARENT
from app.workflows.completion import complete
from app.workflows.engine import EngineInput, TaskReceived, Tick, advance
from app.workflows.engine_context import EngineContext
from app.workflows.kinds.base import Command
from app.workflows.records import Records, records
from app.workflows.run import Done, Response, Run, RunState, Semaphore, WebhookRetry
from app.workflows.semaphores import grant
from app.workflows.webhooks import after_attempt, notify_webhook, shortened, when_due
from topics import (
    AUDIT_CHAIN,
    BUDGETS,
    MODEL_REQUESTS,
    MODEL_RESPONSES,
    RESULTS,
    RETRIEVAL_REQUESTS,
    RETRIEVAL_RESULTS,
    SIGNALS,
    SLOTS,
    STEP_REQUESTS,
    STEP_RESULTS,
    TASKS,
    WEBHOOK_REQUESTS,
    WEBHOOK_RESULTS,
)
from topics.audit import AuditEvent
from topics.base import Event, Failure, Topic
from topics.budgets import BudgetEvent
from topics.model_requests import ModelRequest
from topics.model_responses import ModelResponse
from topics.results import Result
from topics.retrieval_requests import RetrievalRequest
from topics.retrieval_results import RetrievalResult
from topics.signals import Signal
from topics.slots import SlotEvent
from topics.step_requests import StepRequest
from topics.step_results import StepResult
from topics.tasks import PRODUCER_FIELDS, Parent, Task, salvage, task_id
from topics.webhook_requests import WebhookRequest
from topics.webhook_results import WebhookResult

#: How many unknown keys of a task are named in its result.
_MOST_WARNINGS = 20
#: How long an event waits for its run (seconds): the run of an answer may have to be restored first, and a signal
#: may overtake its task.
_PATIENCE = 60.0
_PATIENCE_WITH_SIGNALS = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunStateMachine:
    """Decides for runs and webhooks, by task id, for semaphores and budgets, by their keys, and for the audit's chains.

    `engine_context` returns what the engine may know now; `audit_key` is that of keyed links; `cancelled` is told the
    task of each run that is cancelled.
    """

    engine_context: Callable[[], EngineContext]
    partitions: int
    metrics: Metrics
    audit_key: bytes = field(default=b"", repr=False)
    cancelled: Callable[[str], None] = lambda _task_id: None

    def key(self, received: Received[Any]) -> str:
        """Return the key of the state that an event belongs to."""
        event = received.event
        if isinstance(event, SlotEvent):
            return f"slot\t{event.workflow}/{event.key}"
        if isinstance(event, BudgetEvent):
            return f"budget\t/{event.budget}"  # the slash keeps it apart from any task's `step_key`: no step has one
        if isinstance(event, WebhookResult):
            return f"webhook\t/{event.task_id}"
        if isinstance(event, AuditEvent):
            return f"audit\t/{received.partition}"
        return task_id(event, received) if isinstance(event, Task) else str(event.task_id)

    def decide(  # noqa: PLR0911  # one for each event
        self, value: RunState | None, received: Received[Any], now: float
    ) -> Decision[RunState]:
        """Return what follows from an event on a topic of the stateful agents."""
        if moved := self._way_home(received):
            return Decision(outgoing=[moved])
        match received.event:
            case SlotEvent() | BudgetEvent() as event:
                return self._share(value, event, now)
            case AuditEvent():
                return self._link(value, received)
            case WebhookResult() as event:
                retry = value if isinstance(value, WebhookRetry) else None
                return self._decided(value, after_attempt(retry, event, now), ())
            case Task(rejected=Failure() as failure):
                # The id may be that of a good task, whose result must not be replaced.
                refused = _refused(received.event, task_id(received.event, received), failure, received.timestamp)
                told: list[Command] = [] if value else [refused, *notify_webhook(received.event, refused)]
                return Decision(outgoing=[self._outgoing(one, received.traceparent) for one in told])
            case Task() as event:
                own_id, warnings = task_id(event, received), _warnings(received)
                task = TaskReceived(own_id, event, received.traceparent, received.offset, warnings)
                return self._advance(value, task, now)
            case Signal() as event:
                # A person should soon see that a signal had no effect; nobody waits for one of a parent.
                patience = _PATIENCE if event.actor == PARENT else _PATIENCE_WITH_SIGNALS
                return Decision(wait=patience) if value is None else self._advance(value, event, now)
            case event:
                return Decision(wait=_PATIENCE) if value is None else self._advance(value, event, now)

    def wake(self, value: RunState, now: float) -> Decision[RunState]:
        """Return what follows when it is time, or forget what ended long ago."""
        if isinstance(value, Semaphore | BudgetState):
            idle = value.is_idle(now) if isinstance(value, BudgetState) else not (value.holders or value.queue)
            return Decision(forget=True) if idle else self._share(value, None, now)
        if isinstance(value, WebhookRetry):
            over = value.sent and now >= value.at
            return Decision(forget=True) if over else self._decided(value, *when_due(value, now))
        if isinstance(value, ChainHead):
            return Decision()
        if isinstance(value, Done):
            return Decision(forget=now >= value.forget_at)
        try:
            return self._advance(value, Tick(), now)
        except Exception:
            if now < value.deadline:
                raise
            # Whatever is wrong with it, a run ends, and has a result.
            log.exception("the run %s cannot go on", value.task_id)
            fault = Failure(code="internal", message="an internal error stopped the run; see the worker's log")
            return self._decided(value, *complete(value, None, fault, self.engine_context(), now))

    def orphan(self, received: Received[Any]) -> InvalidEvent | None:
        """Return why a signal without a run is a dead letter; other events without one are only late."""
        event = received.event
        if not isinstance(event, Signal) or event.actor == PARENT:
            return None
        return InvalidEvent("unknown_run", f"no run of the task {event.task_id} is under way")

    def rejected(self, topic: Topic[Any], message: Any, error: Exception) -> Sequence[Outgoing]:
        """Return what tells whoever waits for an invalid task that it is one.

        It goes by way of the task's home: there it is known whether the id is also that of another task.
        """
        if topic is not TASKS or (task := salvage(message.value, message.key)) is None:
            return ()
        large = isinstance(error, InvalidEvent) and error.reason == "too_large"
        failure = Failure(code="too_large" if large else InvalidEvent.code, message=f"the task is not valid: {error}")
        told = task.model_copy(update={"rejected": failure, **({"metadata": {}} if large else {})})
        sent = self._outgoing(told, first(message.headers or (), "traceparent"))
        return [replace(sent, id=f"{message.topic}/{message.partition}/{message.offset}/rejected")]

    def poisoned(self, received: Received[Any], error: PoisonEvent) -> Sequence[Outgoing]:
        """Return the failed result of a task that kills workers, or a failed answer in place of one that does."""
        event, failure = received.event, Failure.of(error)
        if isinstance(event, Task):
            refused = _refused(event, task_id(event, received), failure, received.timestamp)
            told = [refused, _failed(event, failure), *notify_webhook(event, refused)]
        elif getattr(event, "error", None) and event.error.code == failure.code:
            told = []  # it stands in for one that did: what kills is the run, which ends by its deadline
        else:
            told = [_instead(event, failure)]
        return [self._outgoing(one, received.traceparent) for one in told if one]

    def records(self, key: str, value: RunState | None, written: RunState | None) -> Records:
        """Return what is to be written of a state."""
        return records(key, value, written)

    def substitute(self, outgoing: Outgoing, error: InvalidEvent) -> Outgoing | None:
        """Return a failure in place of an event that is too large; for a request, its answer."""
        failure = Failure(code=error.reason, message=str(error))
        small = _failed(outgoing.event, failure)
        return self._outgoing(small, outgoing.traceparent) if small else None

    def _way_home(self, received: Received[Any]) -> Outgoing | None:
        event = received.event
        if isinstance(event, AuditEvent):
            return None  # it is linked where it lies
        if isinstance(event, Task) and not event.id:
            event = event.model_copy(update={"id": task_id(event, received)})
        topic, key, _ = _address(event)
        return way_home(topic, key, replace(received, event=event), self.partitions)

    def _advance(self, value: RunState | None, event: EngineInput, now: float) -> Decision[RunState]:
        return self._decided(value, *advance(value, event, self.engine_context(), now))

    def _decided(
        self, value: RunState | None, state: RunState | None, commands: Sequence[Command]
    ) -> Decision[RunState]:
        for command in commands:
            if isinstance(command, Result):
                seconds = (command.finished_at - command.accepted_at).total_seconds()
                self.metrics.run_finished(command.workflow, command.status, seconds)
                if command.status == "cancelled":
                    self.cancelled(command.task_id)
        parent = value.traceparent if isinstance(value, Run) else None
        return Decision(
            value=None if state is value else state,
            outgoing=[self._outgoing(command, parent) for command in commands],
        )

    def _share(self, value: RunState | None, event: SlotEvent | BudgetEvent | None, now: float) -> Decision[RunState]:
        """Decide for a semaphore or a budget, which runs share."""
        if isinstance(value, BudgetState) or isinstance(event, BudgetEvent):
            budget, request = value if isinstance(value, BudgetState) else None, event
            request = request if isinstance(request, BudgetEvent) else None
            return self._decided(value, *owner.decide(budget, request, now))
        return self._decided(value, *grant(value if isinstance(value, Semaphore) else None, event, now))

    def _link(self, value: RunState | None, received: Received[Any]) -> Decision[RunState]:
        """Link a record of the audit; one that is delivered again after its link is written has its link already."""
        head, partition, offset = value if isinstance(value, ChainHead) else None, received.partition, received.offset
        if head and offset <= head.offset:
            return Decision()
        link = next_link(head, partition, offset, key=received.key, value=received.value, secret=self.audit_key)
        key = f"{partition}/{offset}"
        sent = Outgoing(AUDIT_CHAIN, key, link, f"audit/{key}/link", partition, received.traceparent)
        return Decision(value=ChainHead(offset, link.digest), outgoing=[sent])

    def _outgoing(self, command: Command | Response, traceparent: str | None) -> Outgoing:
        topic, key, event_id = _address(command)
        return Outgoing(topic, key, command, event_id, partition_of(key, self.partitions), traceparent)


#: The requests and answers within a run: their topics, and the suffix that makes the event's id of the request's.
_TOPICS: Mapping[type[Event], tuple[Topic[Any], str]] = {
    RetrievalRequest: (RETRIEVAL_REQUESTS, ""),
    RetrievalResult: (RETRIEVAL_RESULTS, "/result"),
    ModelRequest: (MODEL_REQUESTS, ""),
    ModelResponse: (MODEL_RESPONSES, "/response"),
    StepRequest: (STEP_REQUESTS, ""),
    StepResult: (STEP_RESULTS, "/result"),
    WebhookRequest: (WEBHOOK_REQUESTS, ""),
    WebhookResult: (WEBHOOK_RESULTS, "/outcome"),
}


def _address(command: Command | Response) -> tuple[Topic[Any], str, str]:
    """Return the topic, the key and the event id of a command."""
    match command:
        case Task():
            return TASKS, command.id or "", command.id or ""
        case Signal():
            return SIGNALS, command.task_id, f"{command.task_id}/{command.kind}"
        case SlotEvent():
            return SLOTS, f"{command.workflow}/{command.key}", f"{command.id}/{command.action}"
        case BudgetEvent():
            return BUDGETS, command.budget, f"{command.id}/{command.action}"
        case Result():
            return RESULTS, command.task_id, f"{command.task_id}/result"
        case _:
            topic, suffix = _TOPICS[type(command)]
            return topic, command.task_id, command.id + suffix


def _warnings(received: Received[Task]) -> tuple[str, ...]:
    """Return what the sender of a task should know: which of its keys are ignored, and what was changed in it."""
    unknown = [unknown_key(key, PRODUCER_FIELDS) for key in received.unknown[:_MOST_WARNINGS]]
    return (*unknown, *received.notes)


#: What a result that is too large loses: all that may be long, except the sender's own metadata.
_NO_TEXTS = {"answer": None, "candidates": (), "citations": (), "groups": (), "reason": "", "steps": ()}


def _refused(task: Task, own_id: str, failure: Failure, accepted_at: float) -> Result:
    """Return the result of a task whose run never began, or whose beginning nobody survived."""
    return Result(
        task_id=own_id,
        workflow=task.workflow,
        workflow_version=task.version or 1,
        status="failed",
        error=failure,
        accepted_at=datetime.fromtimestamp(accepted_at, UTC),
        finished_at=datetime.now(UTC),
        metadata=task.metadata,
        tenant=task.tenant or None,
    )


def _instead(event: Any, failure: Failure) -> Response | None:
    """Return a failed answer in place of one; None of an event that is none."""
    match event:
        case ModelResponse(id=id_, task_id=task, step=step, branch=branch, model=model, purpose=purpose):
            return ModelResponse(
                id=id_, task_id=task, step=step, branch=branch, model=model, purpose=purpose, error=failure
            )
        case RetrievalResult(id=id_, task_id=task, step=step):
            return RetrievalResult(id=id_, task_id=task, step=step, error=failure)
        case StepResult(id=id_, task_id=task, step=step):
            return StepResult(id=id_, task_id=task, step=step, error=failure)
        case _:
            return None


def _failed(event: Any, failure: Failure) -> Command | Response | None:  # noqa: PLR0911  # one for each event
    """Return the failure for a run, or for whoever waits for it, in place of an event that is too large."""
    match event:
        case Result():
            return event.model_copy(update={"status": "failed", "error": failure, **_NO_TEXTS})
        case StepResult():
            return event.model_copy(update={"output": None, "error": failure})
        case WebhookRequest():
            return shortened(event)
        case ModelRequest(id=id_, task_id=task, step=step, branch=branch, model=model, purpose=purpose):
            return ModelResponse(
                id=id_, task_id=task, step=step, branch=branch, model=model, purpose=purpose, error=failure
            )
        case RetrievalRequest(id=id_, task_id=task, step=step):
            return RetrievalResult(id=id_, task_id=task, step=step, error=failure)
        case StepRequest(id=id_, task_id=task, step=step):
            return StepResult(id=id_, task_id=task, step=step, error=failure)
        case Task(parent=Parent() as parent):
            return StepResult(id=parent.request_id, task_id=parent.task_id, step=parent.step, error=failure)
        case _:
            return None
