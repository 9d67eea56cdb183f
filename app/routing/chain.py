"""Several policies, one after the other: each narrows what the one before has chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.routing.base import Choice, Lookup, ModelAnswer, Policy, RoutingRequest, SinglePassPolicy

#: A policy, and how many models it is to keep; None keeps all that qualify.
Stage = tuple[Policy, int | None]


def choose_through(stages: Sequence[Stage], request: RoutingRequest) -> Choice:
    """Return the choice of all `stages` together; `request.count` is ignored, since each stage has its own.

    A stage is given the models that the one before has chosen. Those it leaves are reserves: those that passed the
    most stages first, and only those that every later stage accepts. When no model is left, `models` and
    `reserves` are empty and the reason says why.
    """
    choice = Choice(request.models)
    for stage in stages:
        choice = _narrowed(stage, request, choice)
        if not choice.models:
            return Choice((), (), choice.reason)
    return choice


def lookup_through(stages: Sequence[Stage], request: RoutingRequest) -> Lookup | None:
    """Return what must be looked up before `choose_through`; None when nothing must."""
    choice = Choice(request.models)
    for place, stage in enumerate(stages, start=1):
        lookup = stage[0].lookup(_narrow_request(request, choice.models, stage[1]))
        if lookup or place == len(stages):
            return lookup
        choice = _narrowed(stage, request, choice)
        if not choice.models:
            return None
    return None


def more_through(
    stages: Sequence[Stage], request: RoutingRequest, asked: Sequence[str], answers: Sequence[ModelAnswer]
) -> Choice | None:
    """Return which further models to ask once all those `asked` have answered; None when no more are needed.

    `request` is the one that was given to `choose_through`. The first stage that wants more gets it, as far as the
    later stages allow, and never a model that was asked already.
    """
    choice = Choice(request.models)
    for place, stage in enumerate(stages):
        if further := stage[0].more(_narrow_request(request, choice.models, stage[1]), asked, answers):
            return _allowed(stages[place + 1 :], request, asked, further)
        choice = _narrowed(stage, request, choice)
        if not choice.models:
            return None
    return None


def check_through(stages: Sequence[Stage], models: Sequence[str]) -> str | None:
    """Return what is wrong with the stages of a step that has these models; None when nothing is."""
    complaints = [complaint for policy, _ in stages if (complaint := policy.check(models))]
    sample = RoutingRequest(tuple(models), 1, key="")
    looking = [policy.name for policy, _ in stages if policy.lookup(sample)]
    if len(looking) > 1:
        complaints.append(f"only one policy of a step can look something up, not {' and '.join(looking)}")
    return "; ".join(complaints) or None


def _narrow_request(request: RoutingRequest, models: tuple[str, ...], count: int | None) -> RoutingRequest:
    count = len(models) if count is None else count
    return (
        request if (request.models, request.count) == (models, count) else replace(request, models=models, count=count)
    )


def _narrowed(stage: Stage, request: RoutingRequest, before: Choice) -> Choice:
    """Return what a stage makes of the choice before it."""
    policy, count = stage
    choice = policy.choose(_narrow_request(request, before.models, count))
    reserves = choice.reserves + _kept(policy, request, before.reserves)
    return Choice(choice.models, reserves, "; ".join(filter(None, (before.reason, choice.reason))))


def _kept(policy: Policy, request: RoutingRequest, reserves: tuple[str, ...]) -> tuple[str, ...]:
    """Return the reserves of earlier stages that a policy accepts, in their order.

    A policy that may ask for more deals with failures itself.
    """
    if not reserves or not isinstance(policy, SinglePassPolicy):
        return ()
    choice = policy.choose(_narrow_request(request, reserves, None))
    return tuple(model for model in reserves if model in {*choice.models, *choice.reserves})


def _allowed(later: Sequence[Stage], request: RoutingRequest, asked: Sequence[str], further: Choice) -> Choice | None:
    fresh = tuple(model for model in further.models if model not in asked)
    if not fresh:
        return None
    choice = choose_through(later, replace(request, models=fresh))
    reserves = tuple(model for model in (*choice.reserves, *further.reserves) if model not in asked)
    reason = "; ".join(filter(None, (further.reason, choice.reason)))
    return Choice(choice.models, reserves, reason) if choice.models else None
