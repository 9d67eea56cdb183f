"""`round-robin`: the models one after the other."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from app.routing.base import Choice, PolicyOptions, RoutingRequest, SinglePassPolicy
from app.routing.choosing import first


class RoundRobin(SinglePassPolicy):
    """The models one after the other, the next one with each task."""

    name: ClassVar[str] = "round-robin"
    Options: ClassVar[type[BaseModel]] = PolicyOptions

    def __init__(self, options: BaseModel) -> None:
        self._options = options

    def choose(self, request: RoutingRequest) -> Choice:
        """Return the models from the one that is next, in a circle."""
        place = request.offset % len(request.models)
        return first(request, request.models[place:] + request.models[:place], f"{request.models[place]} is next")
