"""The state of a run: the facts received, and what is still awaited."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

from app.errors import BudgetExceeded
from app.workflows.budgets.state import BudgetState
from app.workflows.replacing import replace
from topics.base import Failure
from topics.model_requests import Ticket
from topics.model_responses import ModelResponse, Usage
from topics.retrieval_results import Chunk, RetrievalResult
from topics.step_results import StepResult
from topics.tasks import Task

Response = RetrievalResult | ModelResponse | StepResult

Status = Literal["waiting", "running", "backing_off", "falling_back", "succeeded", "failed", "skipped"]

_NOTHING = Usage()
_OVER = frozenset({"succeeded", "failed", "skipped"})
_ACTIVE = frozenset({"running", "backing_off", "falling_back"})


@dataclass(frozen=True, slots=True)
class PendingBatch:
    """An answer that a provider makes in its own time: `branch` asks for it at `ask_at` (epoch seconds)."""

    branch: str
    ticket: Ticket
    ask_at: float


@dataclass(frozen=True)  # no slots: `replacing` copies it whole
class StepRun:
    """One step of a run, or one item of a `map`, which is named `step[index]`. Times are epoch seconds.

    `wake_at` is when something is to happen though no event comes; `outstanding` are the ids of the requests
    that are not answered yet, `unawaited` those whose answers will not count any more, though they may be paid
    for. `spent` is what was used that is not in `responses` and `replies`. `reason` says
    why it went as it did; `degraded` that it had to do with less than was asked for.

    Of an `ask`: `order` are the branches that were asked, by preference, of which those from `wave` on count;
    `reserves` the models to ask when one fails; `responses` the answers of the models, `replies` those to the
    calls of the fusion, which has begun when `fusing`; `said` is what stands of an answer that an earlier attempt
    streamed before it was cut off; `promised`, by the ids of the requests that will ask for them, the answers that
    are made in a batch, and those ids are outstanding though they are not sent yet. Of a `map`: `begun` items, of
    which those in `live` are not over, and `lost` have failed.
    """

    status: Status = "waiting"
    attempt: int = 1
    started_at: float = 0.0
    wake_at: float = 0.0
    ends_at: float = 0.0
    ended_at: float = 0.0
    outstanding: frozenset[str] = frozenset()
    unawaited: frozenset[str] = frozenset()
    order: tuple[str, ...] = ()
    wave: int = 0
    reserves: tuple[str, ...] = ()
    looked_up: JsonValue = None
    responses: tuple[ModelResponse, ...] = ()
    fusing: bool = False
    said: str = ""
    replies: tuple[ModelResponse, ...] = ()
    repairs: Mapping[str, int] = field(default_factory=dict)
    promised: Mapping[str, PendingBatch] = field(default_factory=dict)
    begun: int = 0
    live: frozenset[int] = frozenset()
    lost: int = 0
    chunks: tuple[Chunk, ...] = ()
    output: JsonValue = None
    branch: str = ""
    agreement: float | None = None
    confidence: float | None = None
    groups: tuple[tuple[str, ...], ...] = ()
    spent: Usage = _NOTHING
    degraded: bool = False
    reason: str = ""
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
        """What it has come to, as JSON: its output, or, of a retrieval, the chunks; null unless it succeeded."""
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


def without_waiting(step: StepRun) -> StepRun:
    """Return the step as it does not wait for its answers any more; those of a batch are not asked for again."""
    step = replace(step, outstanding=frozenset(), unawaited=step.unawaited | step.outstanding.difference(step.promised))
    if not step.promised:
        return step
    return replace(step, promised={}, wake_at=step.ends_at if step.status == "running" else step.wake_at)


@dataclass(frozen=True, slots=True)
class EarlyResponse:
    """An answer to a request that is not made yet; one of the three is there.

    After a crash the requests of a state that was lost are made again, while their answers, which lie on other
    topics, are delivered again too, in any order. Whoever answered does not do so twice.
    """

    response: ModelResponse | None = None
    retrieval: RetrievalResult | None = None
    result: StepResult | None = None

    @classmethod
    def of(cls, received: Response) -> EarlyResponse:
        """Return it with its one answer."""
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
    """One task under way.

    `version` is 0 until its workflow is known, and `look_at` when it is looked for again. `slot` is where it
    stands with the workflow's concurrency limit. `budget` is the budget that was asked for money, `paid` are those
    that gave some, and `models` the only ones that it may use, if one of them was used up. `steps` are those that
    have begun; `active` those of them that are not over, with their `wake_at`. `signals` are those received, by
    name; `early` the answers that came before their requests, by id.
    """

    task_id: str
    task: Task
    digest: str
    accepted_at: float
    deadline: float
    version: int = 0
    look_at: float = 0.0
    turn: int = 0
    slot: Literal["", "asked", "held"] = ""
    slot_key: str = ""
    budget: str = ""
    paid: tuple[str, ...] = ()
    models: tuple[str, ...] | None = None
    steps: Mapping[str, StepRun] = field(default_factory=dict)
    active: Mapping[str, float] = field(default_factory=dict)
    signals: Mapping[str, JsonValue] = field(default_factory=dict)
    early: Mapping[str, EarlyResponse] = field(default_factory=dict)
    traceparent: str | None = None

    @property
    def wake_at(self) -> float:
        """When something is to happen though no event comes."""
        if self.version == 0:
            return self.look_at
        return min((self.deadline, *self.active.values()))

    @property
    def charged(self) -> tuple[str, ...]:
        """The budgets to which its cost counts: those that gave it money, and those of its parent."""
        return (*self.task.parent.paid, *self.paid) if self.task.parent else self.paid

    @property
    def ahead(self) -> Usage:
        """What the answers have used that came before their steps had begun."""
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
        raise BudgetExceeded(
            f"a budget is used up, and of the models that may still be used ({left}) the step has none"
        )

    def affordable(self, model: str) -> str:
        """Return `model` if the run may use it, or else the first one that it may.

        Raises:
            BudgetExceeded: there is none.
        """
        return model if self.models is None or model in self.models else self.permitted(self.models)[0]


@dataclass(frozen=True, slots=True)
class Done:
    """What is remembered of a run that ended, until `forget_at`, to recognise repetitions.

    `unpaid` are the requests whose answers may yet come, and then cost something to the `budgets` under which the
    run fell; empty without budgets.
    """

    digest: str
    forget_at: float
    workflow: str = ""
    budgets: tuple[str, ...] = ()
    unpaid: frozenset[str] = frozenset()
    turn: int = 0

    @property
    def wake_at(self) -> float:
        """When it is forgotten."""
        return self.forget_at


@dataclass(frozen=True, slots=True)
class Semaphore:
    """The turns of one concurrency key; times are epoch seconds.

    `holders` maps the runs that have a slot to when it is free again in any case; `queue` are those that
    wait, in the order in which they will be served: (-priority, number of arrival, task id, id of the
    request, when the wait ends).
    """

    limit: int = 1
    holders: Mapping[str, float] = field(default_factory=dict)
    queue: tuple[tuple[int, int, str, str, float], ...] = ()
    arrivals: int = 0

    @property
    def wake_at(self) -> float:
        """When the next slot, or wait, ends by itself."""
        return min((*self.holders.values(), *(entry[4] for entry in self.queue)), default=0.0)


RunState = Run | Done | Semaphore | BudgetState


def digest(task: Task) -> str:
    """Return what tells two tasks of the same id apart: a hash of what they ask for, whatever the order of its keys."""
    content = json.dumps([task.workflow, task.input], sort_keys=True).encode()
    return hashlib.blake2b(content, digest_size=8).hexdigest()
