"""`healthy`: the models that are expected to answer."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from app.routing.base import Choice, HealthSnapshot, PolicyOptions, RoutingRequest, SinglePassPolicy
from app.routing.choosing import first


class Healthy(SinglePassPolicy):
    """Only models whose breaker is not open; all of them if every breaker is."""

    name: ClassVar[str] = "healthy"
    Options: ClassVar[type[BaseModel]] = PolicyOptions

    def __init__(self, options: BaseModel) -> None:
        self._options = options

    def choose(self, ask: RoutingRequest) -> Choice:
        """Return those that qualify, as written."""
        down = [model for model in ask.models if ask.health.get(model, HealthSnapshot()).open_until > ask.now]
        if len(down) == len(ask.models):
            return first(ask, ask.models, f"none is healthy, so all are kept: {', '.join(down)}")
        well = [model for model in ask.models if model not in down]
        return first(ask, well, f"not healthy: {', '.join(down)}" if down else "all are healthy")
