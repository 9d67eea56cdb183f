"""The routing of an `ask` step: which models its policies choose, and what they must look up first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from app.errors import WorkflowError
from app.routing.base import Answer, Ask, Choice, Lookup, Once
from app.routing.chain import choose_through, lookup_through, more_through
from app.workflows.kinds import asking, fusing
from app.workflows.kinds.base import Moment

T = TypeVar("T")


class RoutingFault(WorkflowError):
    """A policy raised what it should not, or chose what it was not given."""

    code = "routing"


def lookup(at: Moment, question: Ask) -> Lookup | None:
    """Return what must be looked up before models are chosen."""
    return _guarded(at, lambda: lookup_through(at.part.stages, question))


def choose(at: Moment, question: Ask) -> Choice:
    """Return the models to ask first."""
    return _sound(at, _guarded(at, lambda: choose_through(at.part.stages, question)))


def more(at: Moment, question: Ask) -> Choice | None:
    """Return which further models to ask, now that all have answered; None when it is enough."""
    asked = tuple(dict.fromkeys(asking.model_of(at.spec, branch) for branch in at.step.order))
    places = {branch: place for place, branch in enumerate(at.step.order)}
    answers = [
        Answer(asking.model_of(at.spec, one.branch), None if one.error else one.text, fusing.data(at, one))
        for one in sorted(at.step.responses, key=lambda one: places[one.branch])  # not as they happened to arrive
    ]
    choice = _guarded(at, lambda: more_through(at.part.stages, question, asked, answers))
    return _sound(at, choice, asked) if choice else None


def patient(at: Moment) -> bool:
    """Whether a policy wants to see all of the answers before they are fused."""
    return not all(isinstance(policy, Once) for policy, _ in at.part.stages)


def _guarded(at: Moment, ask: Callable[[], T]) -> T:
    try:
        return ask()
    except Exception as fault:  # noqa: BLE001  # a third party's policy must not stop the worker
        raise RoutingFault(f"the routing of step {at.name} ({_policies(at)}) raised {type(fault).__name__}") from None


def _sound(at: Moment, choice: Choice, asked: Sequence[str] = ()) -> Choice:
    """Return the choice with each model once; a model that was asked is not asked again."""
    models = dict.fromkeys(model for model in choice.models if model not in asked)
    reserves = dict.fromkeys(model for model in choice.reserves if model not in asked and model not in models)
    if strangers := sorted({*models, *reserves}.difference(at.run.permitted(at.spec.models))):
        names = ", ".join(strangers)
        raise RoutingFault(f"the routing of step {at.name} ({_policies(at)}) chose {names}, which it was not given")
    return Choice(tuple(models), tuple(reserves), choice.reason)


def _policies(at: Moment) -> str:
    return ", ".join(stage.policy for stage in at.spec.routing)
