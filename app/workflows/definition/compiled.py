"""A compiled step: its templates, expressions and values, and the components that it uses."""

from __future__ import annotations

from typing import Any

from app.expressions.expression import Expression, TemplateValue
from app.fusion import registry as fusion
from app.fusion.base import Strategy
from app.routing import registry as routing
from app.routing.base import Policy
from app.schemas import Schema
from app.workflows.definition.steps import AskStep, MapStep, Step
from app.workflows.definition.template_refs import Compiled, of_step
from app.workflows.templates.prompts import Prompt


class CompiledStep:
    """One step, compiled. Raises ConfigurationError when it cannot be.

    `templates`, `expressions` and `values` are by the key under which the YAML has them, as in `prompt`,
    `when` or `branches.0.when`; `inner` is the step inside a map. With `schema_in_words`, the prompt asks for JSON
    of the schema; otherwise that is left to the model's API.
    """

    def __init__(self, spec: Step, *, where: str) -> None:
        self.spec: Any = spec
        self.templates: dict[str, Prompt] = {}
        self.expressions: dict[str, Expression] = {}
        self.values: dict[str, TemplateValue] = {}
        for ref in of_step(spec):
            self._keep(".".join(map(str, ref.key)), ref.compiled(where))
        self.inner = CompiledStep(spec.step, where=f"{where}.step") if isinstance(spec, MapStep) else None
        self.schema: Schema | None = None
        self.schema_in_words = True
        self.strategy: Strategy | None = None
        self.stages: tuple[tuple[Policy, int | None], ...] = ()
        if isinstance(spec, AskStep):
            self.schema = Schema(spec.output_schema, where=f"{where}.schema") if spec.output_schema else None
            self.strategy = fusion.get(spec.fusion.strategy, spec.fusion.options)
            self.stages = tuple((routing.get(stage.policy, stage.options), stage.choose) for stage in spec.routing)
            if spec.stream:
                self.stages = self.streamed_stages

    @property
    def streamed_stages(self) -> tuple[tuple[Policy, int | None], ...]:
        """The stages of the routing of a stream: a reader can follow one answer; the other models are in reserve."""
        return (*self.stages[:-1], (self.stages[-1][0], 1))

    @property
    def steps(self) -> frozenset[str]:
        """The other steps that it refers to."""
        refs: tuple[Compiled, ...] = (*self.templates.values(), *self.expressions.values(), *self.values.values())
        return frozenset().union(*(ref.steps for ref in refs), self.inner.steps if self.inner else ())

    def _keep(self, key: str, compiled: Compiled) -> None:
        match compiled:
            case Prompt():
                self.templates[key] = compiled
            case Expression():
                self.expressions[key] = compiled
            case TemplateValue():
                self.values[key] = compiled
