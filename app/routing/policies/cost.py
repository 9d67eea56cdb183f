"""`cost`: the cheapest models first."""

from __future__ import annotations

import math
from typing import ClassVar

from pydantic import BaseModel, Field

from app.routing.base import Choice, ModelProfile, PolicyOptions, RoutingRequest, SinglePassPolicy
from app.routing.choosing import first

_MILLION = 1_000_000


class CostOptions(PolicyOptions):
    """Options of `cost`."""

    expected_output_tokens: int = Field(default=256, ge=0, description="how long answers usually are")
    max_cost: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="in US dollars for one call: a model that costs more, or whose price is not known, is not asked",
    )


class Cost(SinglePassPolicy):
    """The cheapest first, by prompt length, expected length of the answer, and prices; unknown prices last."""

    name: ClassVar[str] = "cost"
    Options: ClassVar[type[BaseModel]] = CostOptions

    def __init__(self, options: CostOptions) -> None:
        self._output = options.expected_output_tokens
        self._limit = options.max_cost

    def choose(self, request: RoutingRequest) -> Choice:
        """Return the models by expected cost; none if all cost more than `max_cost`."""
        costs = {
            model: self._expected(request.tokens, request.profiles.get(model, ModelProfile()))
            for model in request.models
        }
        within = [model for model in request.models if self._limit is None or costs[model] <= self._limit]
        if not within:
            return Choice((), (), f"none of {', '.join(request.models)} is known to cost at most ${self._limit:g}")
        ordered = sorted(within, key=costs.__getitem__)  # stable: equal costs stay in the written order
        return first(request, ordered, _reason(ordered[0], costs[ordered[0]]))

    def _expected(self, tokens: int, profile: ModelProfile) -> float:
        """Return US dollars for one call; infinity when a price is not known."""
        if profile.input_price is None or profile.output_price is None:
            return math.inf
        output = self._output if profile.max_output_tokens is None else min(self._output, profile.max_output_tokens)
        return (tokens * profile.input_price + output * profile.output_price) / _MILLION


def _reason(model: str, cost: float) -> str:
    if math.isinf(cost):
        return f"no price is known, so {model} is first as written"
    return f"{model} is cheapest, at about ${cost:.3g}"
