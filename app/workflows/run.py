"""The state of a run: what it has received, and what it waits for.

These classes are the format of the state topic: a field is never renamed, and a new one has a default.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

from app.audit.chain import ChainHead
from app.errors import BudgetExceeded
from app.workflows.budgets.state import BudgetState
from app.workflows.replacing import replace
from topics.base import Failure
from topics.model_requests import Ticket
from topics.model_responses import ModelResponse, Usage
from topics.retrieval_results import Chunk, RetrievalResult
from topics.step_results import StepResult
from topics.tasks import Task
from topics.webhook_requests import WebhookRequest

Response = RetrievalResult | ModelResponse | StepResult

Status = Literal["waiting", "running", "backing_off", "falling_back", "succeeded", "failed", "skipped"]

_NOTHING = Usage()
_OVER = frozenset({"succeeded", "failed", "skipped"})
_ACTIVE = frozenset({"running", "backing_off", "falling_back"})


@dataclass(frozen=True, slots=True)
class PendingBatch:
    """An answer that a provider makes as part of a batch."""

    #: Which model, or sample of it, answers.
    branch: str
    #: What the provider finds the answer by.
    ticket: Ticket
    #: When to ask for it (epoch seconds).
    ask_at: float


@dataclass(frozen=True)  # no slots: `replacing` copies it whole
class StepRun:
    """One step of a run, or one item of a `map`, which is named `step[index]`. Times are epoch seconds."""

    #: Where it stands; `backing_off` waits for the next attempt, `falling_back` for the step that stands in for it.
    status: Status = "waiting"
    #: The number of the attempt, from 1; requests have it in their ids.
    attempt: int = 1
    #: When its first attempt began.
    started_at: float = 0.0
    #: When something is to happen though no event is received.
    wake_at: float = 0.0
    #: When its attempt is timed out.
    ends_at: float = 0.0
    #: When it was over.
    ended_at: float = 0.0

    # --- requests ---
    #: The ids of the requests that are not answered yet.
    outstanding: frozenset[str] = frozenset()
    #: The ids of the requests whose answers do not count any more, though they may be paid for.
    unawaited: frozenset[str] = frozenset()

    # --- of an `ask` ---
    #: The branches (models, or samples of one) that were asked, by preference, of all waves.
    order: tuple[str, ...] = ()
    #: The index in `order` at which the last wave begins: its answers are those that count.
    wave: int = 0
    #: The models to ask when one fails, in this order.
    reserves: tuple[str, ...] = ()
    #: What the routing has looked up, such as the embedding of the prompt.
    looked_up: JsonValue = None
    #: The answers of the models, as they arrived.
    responses: tuple[ModelResponse, ...] = ()
    #: Whether the fusion has begun to call models itself.
    fusing: bool = False
    #: What an earlier attempt had streamed of its answer when it was cut off: the next one continues it.
    said: str = ""
    #: The answers to the fusion's own calls, as they arrived.
    replies: tuple[ModelResponse, ...] = ()
    #: How often a malformed answer was sent back, by branch.
    repairs: Mapping[str, int] = field(default_factory=dict)
    #: The answers that are made in batches, by the id of the request that will ask for each. The ids are in
    #: `outstanding` too, though the requests are not sent yet.
    promised: Mapping[str, PendingBatch] = field(default_factory=dict)

    # --- of a `map` ---
    #: How many items have begun.
    begun: int = 0
    #: The indexes of the items that have begun and are not over.
    live: frozenset[int] = frozenset()
    #: How many items have failed.
    lost: int = 0

    # --- the outcome ---
    #: Of a `retrieve`: what was found.
    chunks: tuple[Chunk, ...] = ()
    #: Of any other kind: what later steps see as its output.
    output: JsonValue = None
    #: Of an `ask`: the branch whose answer was chosen; empty when the fusion wrote one.
    branch: str = ""
    #: Of an `ask`: the strategy by which its answers were fused, which the task may have chosen.
    fusion: str = ""
    #: Of an `ask`: the share of the answers that agree (0 to 1), where the strategy counts it.
    agreement: float | None = None
    #: Of an `ask`: how certain the strategy is (0 to 1), where it says so.
    confidence: float | None = None
    #: Of an `ask`: the branches whose answers agree, group by group.
    groups: tuple[tuple[str, ...], ...] = ()
    #: What was used that is not in `responses` and `replies`: by earlier attempts, repairs, children.
    spent: Usage = _NOTHING
    #: Whether it had to do with less than was asked for.
    degraded: bool = False
    #: Why it went as it did, for people.
    reason: str = ""
    #: Why it failed: its last attempt, or for good.
    error: Failure | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more happens in this step."""
        return self.status in _OVER

    @property
    def active(self) -> bool:
        """Whether it waits for an event or a time."""
        return self.status in _ACTIVE

    @property
    def outcome(self) -> JsonValue:
        """Its output as JSON, or, of a retrieval, the chunks; null unless it succeeded."""
        if self.status != "succeeded":
            return None
        return [chunk.model_dump(mode="json") for chunk in self.chunks] if self.chunks else self.output

    @property
    def usage(self) -> Usage:
        """What all of its attempts have used."""
        if not self.responses and not self.replies:
            return self.spent
        return sum((response.usage for response in (*self.responses, *self.replies)), start=self.spent)


WAITING = StepRun()


def stop_waiting(step: StepRun) -> StepRun:
    """Return the step when it no longer waits for its answers; those of a batch are not asked for again."""
    step = replace(step, outstanding=frozenset(), unawaited=step.unawaited | step.outstanding.difference(step.promised))
    if not step.promised:
        return step
    return replace(step, promised={}, wake_at=step.ends_at if step.status == "running" else step.wake_at)


@dataclass(frozen=True, slots=True)
class EarlyResponse:
    """An answer to a request that is not made yet; one of the three fields is set.

    After a crash the requests of a state that was lost are made again, while their answers, which are on other
    topics, are delivered again too, in any order. Whoever answered does not do so twice.
    """

    response: ModelResponse | None = None
    retrieval: RetrievalResult | None = None
    result: StepResult | None = None

    @classmethod
    def of(cls, received: Response) -> EarlyResponse:
        """Return an answer in the field of its type."""
        match received:
            case ModelResponse():
                return cls(response=received)
            case RetrievalResult():
                return cls(retrieval=received)
            case StepResult():
                return cls(result=received)

    @property
    def received(self) -> Response:
        """The answer."""
        received = self.response or self.retrieval or self.result
        if received is None:
            raise ValueError("an early answer without an answer")
        return received


@dataclass(frozen=True)  # no slots: likewise
class Run:
    """One task under way. Times are epoch seconds."""

    task_id: str
    task: Task
    #: A hash of the task's content, which tells a repetition from another task with the same id.
    digest: str
    accepted_at: float
    #: When it ends in any case; while `version` is 0, when it stops to look for its workflow.
    deadline: float
    #: The version of its workflow; 0 until the workflow is known.
    version: int = 0
    #: While `version` is 0: when to look for the workflow again.
    look_at: float = 0.0
    #: The task's offset in its partition: it tells tasks of the same id apart, and `round-robin` goes by it.
    turn: int = 0
    #: Whether it waits for an approval, or what became of it.
    approval: Literal["", "awaited", "given"] = ""
    #: Whether it has asked for, or holds, a slot of its workflow's concurrency limit.
    slot: Literal["", "asked", "held"] = ""
    #: The key of that limit.
    slot_key: str = ""
    #: The key of the budget that it waits for; empty when it waits for none.
    budget: str = ""
    #: The keys of the budgets that gave it money.
    paid: tuple[str, ...] = ()
    #: The only models that it may use, since a budget is used up; None: all.
    models: tuple[str, ...] | None = None
    #: The steps that have begun, or were skipped, by name.
    steps: Mapping[str, StepRun] = field(default_factory=dict)
    #: Those of them that are not over, with their `wake_at`.
    active: Mapping[str, float] = field(default_factory=dict)
    #: The payloads of the signals received, by name.
    signals: Mapping[str, JsonValue] = field(default_factory=dict)
    #: The answers that were received before their requests were made, by request id.
    early: Mapping[str, EarlyResponse] = field(default_factory=dict)
    #: The W3C trace context of the task, which the run's events carry on.
    traceparent: str | None = None
    #: What was ignored or changed in the task.
    warnings: tuple[str, ...] = ()

    @property
    def wake_at(self) -> float:
        """When something is to happen though no event is received."""
        if self.version == 0:
            return self.look_at
        return min((self.deadline, *self.active.values()))

    @property
    def charged(self) -> tuple[str, ...]:
        """The budgets that its cost counts to: those that gave it money, and those of its parent."""
        return (*self.task.parent.paid, *self.paid) if self.task.parent else self.paid

    @property
    def ahead(self) -> Usage:
        """The usage of the answers that were received before their steps began."""
        early = (one.received for one in self.early.values())
        asked = (one for one in early if one.step not in self.steps and not isinstance(one, RetrievalResult))
        return sum((one.usage for one in asked), start=_NOTHING)

    def permitted(self, models: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of `models` that it may use.

        Raises:
            BudgetExceeded: none of them.
        """
        if self.models is None:
            return models
        if found := tuple(model for model in models if model in self.models):
            return found
        left = ", ".join(self.models) or "none"
        raise BudgetExceeded(f"a budget is used up; the step has none of the models that may still be used ({left})")


@dataclass(frozen=True, slots=True)
class Done:
    """What is remembered of a run that ended, to recognise repetitions."""

    #: As in `Run`.
    digest: str
    #: Until when it is remembered (epoch seconds).
    forget_at: float
    workflow: str = ""
    #: The keys of the budgets that its cost counts to.
    budgets: tuple[str, ...] = ()
    #: The requests whose answers may still be received, and then cost something; empty without budgets.
    unpaid: frozenset[str] = frozenset()
    #: As in `Run`.
    turn: int = 0

    @property
    def wake_at(self) -> float:
        """When it is forgotten."""
        return self.forget_at


@dataclass(frozen=True, slots=True)
class Semaphore:
    """The slots of one key of a concurrency limit. Times are epoch seconds."""

    #: How many runs may hold a slot at once.
    limit: int = 1
    #: The runs that hold a slot, by task id, with the time at which it is free again in any case.
    holders: Mapping[str, float] = field(default_factory=dict)
    #: Those that wait, in the order in which they will be served: (-priority, number of arrival, task id, id of the
    #: request, when the wait ends).
    queue: tuple[tuple[int, int, str, str, float], ...] = ()
    #: How many have been queued so far.
    arrivals: int = 0

    @property
    def wake_at(self) -> float:
        """When the next slot, or wait, ends by itself."""
        return min((*self.holders.values(), *(entry[4] for entry in self.queue)), default=0.0)


@dataclass(frozen=True, slots=True)
class WebhookRetry:
    """A request to the webhook of a task that ended, which is made again at its time."""

    request: WebhookRequest
    #: When it is sent, or, once it is `sent`, when its outcome is no longer awaited (epoch seconds).
    at: float
    sent: bool = False

    @property
    def wake_at(self) -> float:
        """When something is to happen."""
        return self.at


RunState = Run | Done | Semaphore | BudgetState | WebhookRetry | ChainHead


def digest(task: Task) -> str:
    """Return a hash of what a task asks for, whatever the order of its keys; it tells tasks of the same id apart."""
    content = json.dumps([task.workflow, task.input], sort_keys=True).encode()
    return hashlib.blake2b(content, digest_size=8).hexdigest()
