"""A step made ready to run: its templates, expressions and values compiled, its components looked up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.expressions import Expression, Value
from app.fusion import registry as fusion
from app.fusion.base import Strategy
from app.routing import registry as routing
from app.routing.base import Policy
from app.schemas import Schema
from app.workflows.prompts import Prompt
from app.workflows.steps import (
    AskStep,
    ConnectorStep,
    DecideStep,
    MapStep,
    RetrieveStep,
    Step,
    TransformStep,
    WaitStep,
    WorkflowStep,
)


class Part:
    """One step, ready to run. Raises ConfigurationError when it cannot be.

    `templates`, `expressions` and `values` are by the key under which the YAML has them, as in `prompt`,
    `when` or `branches.refund.when`; `inner` is the step inside a map.
    """

    def __init__(self, spec: Step, *, where: str) -> None:
        self.spec: Any = spec
        self.templates = {key: Prompt(text, where=f"{where}.{key}") for key, text in _templates(spec)}
        self.expressions = {key: Expression(text, where=f"{where}.{key}") for key, text in _expressions(spec)}
        self.values = {key: Value(data, where=f"{where}.{key}") for key, data in _values(spec)}
        self.inner = Part(spec.step, where=f"{where}.step") if isinstance(spec, MapStep) else None
        self.schema: Schema | None = None
        self.strategy: Strategy | None = None
        self.stages: tuple[tuple[Policy, int | None], ...] = ()
        if isinstance(spec, AskStep):
            self.schema = Schema(spec.output_schema, where=f"{where}.schema") if spec.output_schema else None
            self.strategy = fusion.get(spec.fusion.strategy, spec.fusion.options)
            self.stages = tuple((routing.get(stage.policy, stage.options), stage.choose) for stage in spec.routing)

    @property
    def steps(self) -> frozenset[str]:
        """The other steps that it refers to."""
        return frozenset().union(*(piece.steps for piece in self._pieces()), self.inner.steps if self.inner else ())

    def _pieces(self) -> Iterator[Prompt | Expression | Value]:
        yield from self.templates.values()
        yield from self.expressions.values()
        yield from self.values.values()


def _templates(spec: Step) -> Iterator[tuple[str, str]]:
    if isinstance(spec, RetrieveStep):
        yield "query", spec.query
    if isinstance(spec, AskStep):
        yield "prompt", spec.prompt
        if spec.system is not None:
            yield "system", spec.system


def _expressions(spec: Step) -> Iterator[tuple[str, str]]:
    if spec.when is not None:
        yield "when", spec.when
    match spec:
        case AskStep():
            keys = ((place, stage.key) for place, stage in enumerate(spec.routing))
            yield from ((f"routing.{place}.key", key) for place, key in keys if key is not None)
        case DecideStep():
            conditions = ((branch.name, branch.when) for branch in spec.branches)
            yield from ((f"branches.{name}.when", when) for name, when in conditions if when is not None)
        case MapStep():
            yield "over", spec.over
        case TransformStep():
            yield "value", spec.value
        case WaitStep(until=str(until)):
            yield "until", until


def _values(spec: Step) -> Iterator[tuple[str, Any]]:
    if isinstance(spec, ConnectorStep):
        yield "arguments", spec.arguments
    if isinstance(spec, WorkflowStep):
        yield "input", spec.input
    if spec.fallback and spec.fallback.step is None:
        yield "fallback.value", spec.fallback.value
