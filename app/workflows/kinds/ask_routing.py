"""The routing of an `ask` step: which models its policies choose, and what they must look up first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from app.errors import WorkflowError
from app.routing.base import Choice, Lookup, ModelAnswer, RoutingRequest, SinglePassPolicy
from app.routing.chain import choose_through, lookup_through, more_through
from app.workflows.kinds import ask_fusion, ask_requests
from app.workflows.kinds.base import StepContext

T = TypeVar("T")


class RoutingFailed(WorkflowError):
    """A policy raised an error, or chose a model that it was not given."""

    code = "routing"


def lookup(ctx: StepContext, request: RoutingRequest) -> Lookup | None:
    """Return what must be looked up before models are chosen."""
    return _guarded(ctx, lambda: lookup_through(ctx.compiled.stages, request))


def choose(ctx: StepContext, request: RoutingRequest) -> Choice:
    """Return the models to ask first."""
    return _sound(ctx, _guarded(ctx, lambda: choose_through(ctx.compiled.stages, request)))


def more(ctx: StepContext, request: RoutingRequest) -> Choice | None:
    """Return which further models to ask, now that all have answered; None when no more are needed."""
    asked = tuple(dict.fromkeys(ask_requests.model_of(ctx.spec, branch) for branch in ctx.step.order))
    places = {branch: place for place, branch in enumerate(ctx.step.order)}
    answers = [
        ModelAnswer(
            ask_requests.model_of(ctx.spec, one.branch),
            None if one.error else one.text,
            ask_fusion.json_answer(ctx, one),
        )
        for one in sorted(ctx.step.responses, key=lambda one: places[one.branch])  # in whatever order they arrived
    ]
    choice = _guarded(ctx, lambda: more_through(ctx.compiled.stages, request, asked, answers))
    return _sound(ctx, choice, asked) if choice else None


def waits_for_all(ctx: StepContext) -> bool:
    """Whether a policy wants to see all of the answers before they are fused."""
    return not all(isinstance(policy, SinglePassPolicy) for policy, _ in ctx.compiled.stages)


def _guarded(ctx: StepContext, ask: Callable[[], T]) -> T:
    try:
        return ask()
    except Exception as fault:  # noqa: BLE001  # a third party's policy must not stop the worker
        raise RoutingFailed(
            f"the routing of step {ctx.name} ({_policies(ctx)}) raised {type(fault).__name__}"
        ) from None


def _sound(ctx: StepContext, choice: Choice, asked: Sequence[str] = ()) -> Choice:
    """Return the choice with each model once; a model that was asked is not asked again."""
    models = dict.fromkeys(model for model in choice.models if model not in asked)
    reserves = dict.fromkeys(model for model in choice.reserves if model not in asked and model not in models)
    if strangers := sorted({*models, *reserves}.difference(ctx.permitted(ctx.spec.models))):
        names = ", ".join(strangers)
        raise RoutingFailed(f"the routing of step {ctx.name} ({_policies(ctx)}) chose {names}, which it was not given")
    return Choice(tuple(models), tuple(reserves), choice.reason)


def _policies(ctx: StepContext) -> str:
    return ", ".join(stage.policy for stage in ctx.spec.routing)
