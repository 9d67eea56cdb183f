"""The templates, expressions and values of a step, with their keys in the YAML."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from app.expressions.expression import Expression, TemplateValue
from app.source.problems import Key, dotted
from app.workflows.definition.spec import Workflow
from app.workflows.definition.steps import (
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
from app.workflows.templates.prompts import Prompt

Compiled = Prompt | Expression | TemplateValue


@dataclass(frozen=True, slots=True, eq=False)
class TemplateRef:
    """A template, an expression or a value: `key` is its path in the file, `step` the step that it belongs to.

    `wants` is what an expression must yield, where that matters; `inside` says whether it is inside of a map.
    """

    key: Key
    step: str
    language: Literal["template", "expression", "value"]
    source: Any
    wants: Literal["", "bool", "list", "timestamp"] = ""
    inside: bool = False

    def compiled(self, where: str = "") -> Compiled:
        """Return it compiled; errors name `where` and its key.

        Raises:
            ConfigurationError: it is malformed.
        """
        at = dotted(self.key)
        languages: dict[str, Any] = {"template": Prompt, "expression": Expression, "value": TemplateValue}
        made: Compiled = languages[self.language](self.source, where=f"{where}.{at}" if where else at)
        return made


def template_refs(spec: Workflow) -> Iterator[TemplateRef]:
    """Yield the references of all steps of a workflow, in their order."""
    for name, step in spec.steps.items():
        yield from of_step(step, name, ("steps", name))
        if isinstance(step, MapStep):
            yield from of_step(step.step, name, ("steps", name, "step"), inside=True)


def of_step(step: Step, name: str = "", key: Key = (), *, inside: bool = False) -> Iterator[TemplateRef]:
    """Yield the references of one step, called `name`, at `key` in the file."""
    for inner, text in _templates(step):
        yield TemplateRef((*key, *inner), name, "template", text, inside=inside)
    for inner, text, wants in _expressions(step):
        yield TemplateRef((*key, *inner), name, "expression", text, wants, inside=inside)  # type: ignore[arg-type]  # one of them
    for inner, data in _values(step):
        yield TemplateRef((*key, *inner), name, "value", data, inside=inside)


def _templates(step: Step) -> Iterator[tuple[Key, str]]:
    if isinstance(step, RetrieveStep):
        yield ("query",), step.query
    if isinstance(step, AskStep):
        if step.prompt or not step.messages:
            yield ("prompt",), step.prompt
        if step.system is not None:
            yield ("system",), step.system


def _expressions(step: Step) -> Iterator[tuple[Key, str, str]]:
    if step.when is not None:
        yield ("when",), step.when, "bool"
    if isinstance(step, AskStep):
        yield from ((("routing", at, "key"), stage.key, "") for at, stage in enumerate(step.routing) if stage.key)
    if isinstance(step, DecideStep):
        yield from ((("branches", at, "when"), one.when, "bool") for at, one in enumerate(step.branches) if one.when)
    if isinstance(step, MapStep):
        yield ("over",), step.over, "list"
    if isinstance(step, TransformStep):
        yield ("value",), step.value, ""
    if isinstance(step, WaitStep) and step.until is not None:
        yield ("until",), step.until, "timestamp"


def _values(step: Step) -> Iterator[tuple[Key, Any]]:
    if isinstance(step, RetrieveStep) and step.filter is not None:
        yield ("filter",), step.filter
    if isinstance(step, ConnectorStep):
        yield ("arguments",), step.arguments
    if isinstance(step, WorkflowStep):
        yield ("input",), step.input
    if isinstance(step, AskStep):
        named = (("images", step.images), ("messages", step.messages), ("overrides", step.overrides))
        yield from (((name,), value) for name, value in named if value)
    if step.fallback and step.fallback.step is None:
        yield ("fallback", "value"), step.fallback.value
