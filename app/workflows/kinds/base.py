"""What the kinds of steps share: the context in which something happens to a step, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote

from app.errors import DeadlineExceeded
from app.workflows.definition.compiled import CompiledStep
from app.workflows.definition.definitions import Definition
from app.workflows.engine_context import EngineContext
from app.workflows.replacing import replace
from app.workflows.run import WAITING, Response, Run, StepRun
from app.workflows.template_context import context
from topics.base import Failure
from topics.budgets import BudgetEvent
from topics.model_requests import ModelRequest
from topics.results import Result
from topics.retrieval_requests import RetrievalRequest
from topics.signals import Signal
from topics.slots import SlotEvent
from topics.step_requests import StepRequest
from topics.step_results import StepResult
from topics.tasks import Task
from topics.webhook_requests import WebhookRequest

Command = (
    RetrievalRequest
    | ModelRequest
    | StepRequest
    | Task
    | Signal
    | SlotEvent
    | BudgetEvent
    | StepResult
    | Result
    | WebhookRequest
)


@dataclass(frozen=True)  # no slots: `replacing` copies it whole
class StepContext:
    """What is known when something happens to the step `name` of `run` at `now` (epoch seconds).

    `step` is its state, `steps` are those of all steps that have begun; `compiled` is the step as the workflow has it.
    """

    run: Run
    steps: Mapping[str, StepRun]
    name: str
    step: StepRun
    compiled: CompiledStep
    definition: Definition
    engine: EngineContext
    now: float

    @property
    def spec(self) -> Any:
        """What the workflow says of the step."""
        return self.compiled.spec

    @property
    def late(self) -> bool:
        """Whether the step's time is over."""
        return self.now >= self.step.ends_at

    @property
    def expires_at(self) -> datetime:
        """When nobody waits for an answer to the step's requests any more."""
        return datetime.fromtimestamp(self.step.ends_at, UTC)

    @property
    def priority(self) -> int:
        """The run's place in queues: higher is sooner."""
        return self.definition.priority_of(self.run.task)

    def permitted(self, models: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of `models` that the step may ask.

        Raises:
            BudgetExceeded: the run's budgets permit none of them.
            ResidencyError: its tenant's work may reach none of them.
        """
        return self.engine.residency.models(self.run.task.tenant, self.run.permitted(models))

    def permitted_model(self, model: str) -> str:
        """Return `model` if the step may ask it, or else the first that it may: a call of a fusion needs one.

        Raises:
            BudgetExceeded: as of `permitted`.
            ResidencyError: likewise.
        """
        return self.permitted((model, *(self.spec.models if self.run.models is None else self.run.models)))[0]

    def timed_out(self) -> Failure:
        """Return the failure of a step whose time is over."""
        limit = "the run's deadline" if self.now >= self.run.deadline else "its timeout"
        return Failure.of(DeadlineExceeded(f"step {self.name} did not end within {limit}"))

    def context(self) -> Mapping[str, Any]:
        """Return what templates, expressions and values can name."""
        return context(self.run, self.steps, self.name)

    def request_id(self, branch: str, *, internal: bool = False) -> str:
        """Return the id of a request of this attempt: the same whenever it is made again.

        It always has three parts after the task's id, and none has a slash: so no two requests of any two tasks share
        an id, whatever ids the tasks have. `internal` tells the engine's own requests from those to the models.
        """
        quoted = quote(branch, safe=":#")
        return f"{self.run.task_id}/{self.name}/{'!' if internal else ''}{quoted}/{self.step.attempt}"

    def state(self, name: str) -> StepRun:
        """Return the state of another step."""
        return self.steps.get(name, WAITING)

    def running(self, *requests: Any, **changes: Any) -> Transition:
        """Return the step when it waits for the answers to these requests too."""
        ids = self.step.outstanding | {request.id for request in requests}
        return Transition(replace(self.step, status="running", outstanding=ids, **changes), requests)

    def succeeded(self, **changes: Any) -> Transition:
        """Return the step when it has succeeded."""
        return Transition(replace(self.step, status="succeeded", ended_at=self.now, **changes))

    def failed(self, error: Failure, **changes: Any) -> Transition:
        """Return the step when it has failed."""
        return Transition(replace(self.step, status="failed", ended_at=self.now, error=error, **changes))


@dataclass(frozen=True, slots=True)
class Transition:
    """What follows: the step's new state, the events to send, and the states of further steps (the items of a map)."""

    step: StepRun
    commands: Sequence[Command] = ()
    steps: Mapping[str, StepRun] = field(default_factory=dict)


class StepKind(Protocol):
    """One kind of step. Pure; a WorkflowError that is raised fails the step."""

    def begin(self, ctx: StepContext) -> Transition:
        """Begin: the step's times are set, and all that it waits for is over."""
        ...

    def receive(self, ctx: StepContext, received: Response) -> Transition:
        """Take in the answer to a request, which is no longer among those outstanding."""
        ...

    def resume(self, ctx: StepContext) -> Transition:
        """Go on when something else has changed or time has passed.

        The step ends if its outcome is certain, or if it is late and has enough to succeed.
        """
        ...


class PassiveKind:
    """The base of kinds that only wait for one answer, or for a time: they do nothing in between."""

    def receive(self, ctx: StepContext, received: Response) -> Transition:  # noqa: ARG002  # the port's signature
        """Change nothing."""
        return Transition(ctx.step)

    def resume(self, ctx: StepContext) -> Transition:
        """Change nothing."""
        return Transition(ctx.step)
