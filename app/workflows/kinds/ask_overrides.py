"""What a task decides of an `ask` step: `overrides` takes the place of what the workflow says."""

from __future__ import annotations

import json
from copy import copy
from functools import lru_cache
from typing import Annotated

from pydantic import BeforeValidator, Field, JsonValue, ValidationError

from app.errors import ConfigurationError, ExpressionError
from app.fusion import registry as fusion
from app.fusion.base import Strategy
from app.schemas import Schema
from app.workflows.definition.steps import AskStep, AskTool, Fusion, Spec, known_sampling
from app.workflows.kinds.base import StepContext
from app.workflows.replacing import replace
from topics.model_requests import Sampling


class Overrides(Spec):
    """The fields that a task may decide; one that is absent stays as the workflow has it."""

    models: Annotated[tuple[str, ...], Field(min_length=1)] = ()
    sampling: Annotated[Sampling, BeforeValidator(known_sampling)] = Sampling()
    tools: tuple[AskTool, ...] = ()
    tool_choice: str = "auto"
    output_schema: dict[str, JsonValue] | None = Field(default=None, alias="schema")
    stream: bool = False
    fusion: Fusion = Fusion()


def overridden(ctx: StepContext) -> StepContext:
    """Return the context of a step in which its overrides hold.

    Raises:
        ExpressionError: they are not valid, or the step may not ask what they name.
    """
    written = ctx.compiled.values.get("overrides")
    if written is None:
        return ctx
    given = _validated(ctx, written.evaluate(ctx.context()))
    changes = {name: getattr(given, name) for name in given.model_fields_set}
    spec: AskStep = ctx.spec.model_copy(update=changes)
    if strangers := sorted(set(spec.models).difference(ctx.spec.models)):
        raise ExpressionError(f"step {ctx.name}: overrides.models: {strangers[0]} is not among the step's models")
    compiled = copy(ctx.compiled)
    compiled.spec = spec
    if "fusion" in changes:
        compiled.strategy = _strategy(ctx, spec)
    if spec.stream and not ctx.spec.stream:
        if spec.fusion.strategy != "first" or spec.samples > 1:
            raise ExpressionError(f"step {ctx.name}: overrides.stream: only one model's answer can be streamed")
        compiled.stages = compiled.streamed_stages
    if "output_schema" in changes:
        compiled.schema, compiled.schema_in_words = _schema(ctx, spec), False
    return replace(ctx, compiled=compiled)


def _validated(ctx: StepContext, given: JsonValue) -> Overrides:
    try:
        return Overrides.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        at = ".".join(map(str, ("overrides", *first["loc"])))
        raise ExpressionError(f"step {ctx.name}: {at}: {first['msg']}") from None


def _strategy(ctx: StepContext, spec: AskStep) -> Strategy:
    """Return the strategy that the task has chosen; the models that it calls itself are some of the step's."""
    try:
        strategy = _fusion(spec.fusion.strategy, json.dumps(spec.fusion.options))
    except ConfigurationError as error:
        raise ExpressionError(f"step {ctx.name}: overrides.fusion: {error}") from None
    if strangers := sorted(set(strategy.models).difference(ctx.spec.models)):
        raise ExpressionError(f"step {ctx.name}: overrides.fusion: {strangers[0]} is not among the step's models")
    return strategy


@lru_cache(maxsize=32)
def _fusion(name: str, options: str) -> Strategy:
    """Return a strategy that each event of a run needs, and many runs have in common."""
    return fusion.get(name, json.loads(options))


def _schema(ctx: StepContext, spec: AskStep) -> Schema | None:
    if not spec.output_schema:
        return None
    try:
        return _compiled(json.dumps(spec.output_schema))
    except ConfigurationError as error:
        raise ExpressionError(f"step {ctx.name}: {error}") from None


@lru_cache(maxsize=32)
def _compiled(schema: str) -> Schema:
    """Return a schema that each event of a run needs, and many runs have in common."""
    return Schema(json.loads(schema), where="overrides.schema")
