"""`latency`: the faster of two models that are picked at random."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel, Field

from app.routing.base import Choice, HealthSnapshot, PolicyOptions, RoutingRequest, SinglePassPolicy
from app.routing.choosing import first, rendezvous_score

#: A share of errors above this counts as this: the penalty stays finite, and models that fail can be compared.
_WORST = 0.99


class LatencyOptions(PolicyOptions):
    """Options of `latency`."""

    penalty: float = Field(
        default=2.0,
        ge=0,
        le=10,
        description="how much errors count: the duration is divided by the share of successes to this power",
    )


class Latency(SinglePassPolicy):
    """The faster of two picked at random, by recent duration and errors; models with an open breaker last.

    The power of two choices: taking the fastest of all would send every task to the same model until the next
    measurement. Source: M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE TPDS
    2001. The choice is seeded by the request's key, so that a replay makes the same.
    """

    name: ClassVar[str] = "latency"
    Options: ClassVar[type[BaseModel]] = LatencyOptions

    def __init__(self, options: LatencyOptions) -> None:
        self._penalty = options.penalty

    def choose(self, request: RoutingRequest) -> Choice:
        """Return all models in order: each time the better of two of those that are left."""
        health = {model: request.health.get(model, HealthSnapshot()) for model in request.models}
        scores = self._scores(health)
        drawn = sorted(
            request.models,
            key=lambda model: (health[model].open_until > request.now, rendezvous_score(request.key, model), model),
        )
        usable = sum(health[model].open_until <= request.now for model in request.models)
        ordered = [*_better_of_two(drawn[:usable], scores), *_better_of_two(drawn[usable:], scores)]
        return first(request, ordered, _reason(ordered[0], health[ordered[0]]))

    def _scores(self, health: Mapping[str, HealthSnapshot]) -> dict[str, float]:
        """Return seconds with the penalty for errors; a model never seen counts as the fastest, so that it is tried."""
        fastest = min((one.seconds for one in health.values() if one.seconds is not None), default=0.0)
        return {
            model: (fastest if one.seconds is None else one.seconds) / (1 - min(one.errors, _WORST)) ** self._penalty
            for model, one in health.items()
        }


def _better_of_two(drawn: list[str], scores: Mapping[str, float]) -> list[str]:
    """Return the models reordered: the better of the first two comes next, and the other waits for the third."""
    left, ordered = list(drawn), list[str]()
    while left:
        ordered.append(min(left[:2], key=scores.__getitem__))
        left.remove(ordered[-1])
    return ordered


def _reason(model: str, health: HealthSnapshot) -> str:
    seen = "not measured yet" if health.seconds is None else f"{health.seconds:.3g} s, {health.errors:.0%} errors"
    return f"{model} is the better of two picked at random ({seen})"
