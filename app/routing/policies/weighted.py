"""`weighted`: models at random in proportion to their weights, the same for the same key (canary, A/B)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import BaseModel, Field

from app.routing.base import Choice, PolicyOptions, RoutingRequest, SinglePassPolicy
from app.routing.choosing import first, rendezvous_score, unknown

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class WeightedOptions(PolicyOptions):
    """Options of `weighted`."""

    weights: dict[str, Weight] = Field(
        default_factory=dict,
        description="of each model, in any unit; 1 where it is left out, and a model of weight 0 is never asked",
        examples=[{"stable": 95, "canary": 5}],
    )


class Weighted(SinglePassPolicy):
    """At random in proportion to weights; the same task always gets the same model (canary, A/B)."""

    name: ClassVar[str] = "weighted"
    Options: ClassVar[type[BaseModel]] = WeightedOptions

    def __init__(self, options: WeightedOptions) -> None:
        self._weights = options.weights

    def check(self, models: Sequence[str]) -> str | None:
        """Return an error when a weight has no model, or no model a weight."""
        if complaint := unknown("weights", self._weights, models):
            return complaint
        return None if any(map(self._weight, models)) else "weights gives every model the weight 0: none can be asked"

    def choose(self, request: RoutingRequest) -> Choice:
        """Return models by weighted lot, the highest first; none if none has a weight above 0."""
        drawn = {
            model: _score(request.key, model, self._weight(model)) for model in request.models if self._weight(model)
        }
        if not drawn:
            return Choice((), (), f"none of {', '.join(request.models)} has a weight above 0")
        return first(
            request, sorted(drawn, key=lambda model: (-drawn[model], model)), f"by weight, sticky for {request.key}"
        )

    def _weight(self, model: str) -> float:
        return self._weights.get(model, 1.0)


def _score(key: str, model: str, weight: float) -> float:
    """Weighted rendezvous hashing: -weight / ln(uniform hash of key and model), the largest wins.

    Source: C. Schindelhauer, G. Schomaker, "Weighted Distributed Hash Tables", SPAA 2005 (the logarithmic
    method). A change of one weight moves only the keys that this model gains or loses.
    """
    return -weight / math.log(rendezvous_score(key, model))
