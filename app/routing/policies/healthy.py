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

    def choose(self, request: RoutingRequest) -> Choice:
        """Return those that qualify, as written."""
        down = [
            model for model in request.models if request.health.get(model, HealthSnapshot()).open_until > request.now
        ]
        if len(down) == len(request.models):
            return first(request, request.models, f"none is healthy, so all are kept: {', '.join(down)}")
        well = [model for model in request.models if model not in down]
        return first(request, well, f"not healthy: {', '.join(down)}" if down else "all are healthy")
