"""A step made ready to run: its templates, expressions and values compiled, its components looked up."""

from __future__ import annotations

from typing import Any

from app.expressions import Expression, Value
from app.fusion import registry as fusion
from app.fusion.base import Strategy
from app.routing import registry as routing
from app.routing.base import Policy
from app.schemas import Schema
from app.workflows.pieces import Compiled, of_step
from app.workflows.prompts import Prompt
from app.workflows.steps import AskStep, MapStep, Step


class Part:
    """One step, ready to run. Raises ConfigurationError when it cannot be.

    `templates`, `expressions` and `values` are by the key under which the YAML has them, as in `prompt`,
    `when` or `branches.0.when`; `inner` is the step inside a map.
    """

    def __init__(self, spec: Step, *, where: str) -> None:
        self.spec: Any = spec
        self.templates: dict[str, Prompt] = {}
        self.expressions: dict[str, Expression] = {}
        self.values: dict[str, Value] = {}
        for piece in of_step(spec):
            self._keep(".".join(map(str, piece.key)), piece.compiled(where))
        self.inner = Part(spec.step, where=f"{where}.step") if isinstance(spec, MapStep) else None
        self.schema: Schema | None = None
        self.strategy: Strategy | None = None
        self.stages: tuple[tuple[Policy, int | None], ...] = ()
        if isinstance(spec, AskStep):
            self.schema = Schema(spec.output_schema, where=f"{where}.schema") if spec.output_schema else None
            self.strategy = fusion.get(spec.fusion.strategy, spec.fusion.options)
            self.stages = tuple((routing.get(stage.policy, stage.options), stage.choose) for stage in spec.routing)
            if spec.stream:  # a reader can follow one answer at a time; the other models are in reserve
                self.stages = (*self.stages[:-1], (self.stages[-1][0], 1))

    @property
    def steps(self) -> frozenset[str]:
        """The other steps that it refers to."""
        pieces: tuple[Compiled, ...] = (*self.templates.values(), *self.expressions.values(), *self.values.values())
        return frozenset().union(*(piece.steps for piece in pieces), self.inner.steps if self.inner else ())

    def _keep(self, key: str, compiled: Compiled) -> None:
        match compiled:
            case Prompt():
                self.templates[key] = compiled
            case Expression():
                self.expressions[key] = compiled
            case Value():
                self.values[key] = compiled
