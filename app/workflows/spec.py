"""The form of a workflow: what its YAML says, checked."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from app.settings import Seconds
from topics.model_requests import Sampling

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]


class Spec(BaseModel):
    """The base of all parts: frozen, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(Spec):
    """What all steps have: what they wait for, how long they may take, and whether the run can do without."""

    after: tuple[Name, ...] = ()
    timeout: Seconds = 60.0
    optional: bool = False


class RetrieveStep(Step):
    """Find chunks for `query`, a prompt template."""

    kind: Literal["retrieve"]
    query: str
    limit: int = Field(default=4, ge=1, le=100)
    collection: str = "default"


class Routing(Spec):
    """Which of the step's models are called: `policy` names one of `app.routing`."""

    policy: str = "fixed"
    choose: int | None = Field(default=None, ge=1, description="how many models; all of them when absent")
    weights: Mapping[str, float] = Field(default_factory=dict)


class Fusion(Spec):
    """How candidates become one answer: `strategy` names one of `app.fusion`."""

    strategy: str = "first"
    quorum: int = Field(default=1, ge=1)


class AskStep(Step):
    """Ask models, and fuse what they answer. `system` and `prompt` are prompt templates."""

    kind: Literal["ask"]
    models: tuple[str, ...] = Field(min_length=1)
    prompt: str
    system: str | None = None
    routing: Routing = Routing()
    fusion: Fusion = Fusion()
    sampling: Sampling = Sampling()

    @field_validator("models")
    @classmethod
    def _distinct(cls, models: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(models)) < len(models):  # a request is named by its model
            raise ValueError("a model is named twice")
        return models


AnyStep = Annotated[RetrieveStep | AskStep, Field(discriminator="kind")]


class Workflow(Spec):
    """Steps as a directed acyclic graph; the answer of `output`, an `ask` step, is the run's answer.

    `requires` names the keys that a task's input must have.
    """

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$", max_length=100)]
    version: int = Field(default=1, ge=1)
    deadline: Seconds = 120.0
    requires: tuple[str, ...] = ()
    steps: dict[Name, AnyStep] = Field(min_length=1)
    output: Name

    @model_validator(mode="after")
    def _sound(self) -> Workflow:
        if not isinstance(self.steps.get(self.output), AskStep):
            raise ValueError(  # noqa: TRY004  # pydantic reports ValueErrors
                f"output: {self.output} is not an `ask` step of this workflow"
            )
        for name, step in self.steps.items():
            for other in step.after:
                if other not in self.steps:
                    raise ValueError(f"steps.{name}.after: there is no step called {other}")
        self.order()
        return self

    def order(self) -> tuple[str, ...]:
        """Return the steps so that each comes after those that it waits for.

        Raises:
            ValueError: they wait for each other in a circle.
        """
        try:
            return tuple(TopologicalSorter({name: step.after for name, step in self.steps.items()}).static_order())
        except CycleError as error:
            raise ValueError(f"steps wait for each other in a circle: {' → '.join(error.args[1])}") from None
