"""A workflow as a model of its YAML, checked as far as that needs nothing else."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from app.settings import Seconds
from app.workflows.definition.steps import AnyStep, DecideStep, Expression, Name, Spec, batch_wait

WorkflowId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$", max_length=100)]


class Concurrency(Spec):
    """At most `limit` runs at once with the same value of `key`, an expression on the task; the others wait."""

    limit: int = Field(ge=1)
    key: Expression = "''"


class Workflow(Spec):
    """Steps as a directed acyclic graph; the output of the step `answer` is the run's answer.

    `input` and `output` are JSON Schemas of the task's input and of the answer. `answer` can be left out when
    only one step has nothing after it. `expose` lists the protocols by which clients may find it. A `version` that is
    left out is the next one at deployment. To a `deadline` that is left out, the time-outs of steps with `batch` are
    added.
    """

    id: WorkflowId
    version: int = Field(default=1, ge=1)
    description: str = ""
    input: dict[str, JsonValue] = Field(default_factory=dict)
    output: dict[str, JsonValue] = Field(default_factory=dict)
    deadline: Seconds = 120.0
    priority: int = Field(default=0, ge=-1000, le=1000)
    concurrency: Concurrency | None = None
    steps: dict[Name, AnyStep] = Field(min_length=1)
    answer: Name | None = None
    expose: tuple[Literal["mcp"], ...] = ()

    def default_of(self, name: str) -> Any:
        """Return a field's default: the deadline leaves time for all batches."""
        default = super().default_of(name)
        return default + sum(map(batch_wait, self.steps.values())) if name == "deadline" else default

    @model_validator(mode="after")
    def _default_timeout(self) -> Self:
        return self._filled("deadline")

    @model_validator(mode="after")
    def _sound(self) -> Workflow:
        if self.answer is not None and self.answer not in self.steps:
            raise ValueError(f"answer: there is no step called {self.answer}")
        for name, step in self.steps.items():
            fallback = step.fallback.step if step.fallback else None
            targets = (
                [target for branch in step.branches for target in branch.steps] if isinstance(step, DecideStep) else []
            )
            for other in (*step.after, *targets, *([fallback] if fallback else ())):
                if other not in self.steps:
                    raise ValueError(f"steps.{name}: there is no step called {other}")
        return self
