"""`round-robin`: the models in turn."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from app.routing.base import Choice, PolicyOptions, RoutingRequest, SinglePassPolicy
from app.routing.choosing import first


class RoundRobin(SinglePassPolicy):
    """Each model in its turn, one place further with each task."""

    name: ClassVar[str] = "round-robin"
    Options: ClassVar[type[BaseModel]] = PolicyOptions

    def __init__(self, options: BaseModel) -> None:
        self._options = options

    def choose(self, ask: RoutingRequest) -> Choice:
        """Return the models from the one whose turn it is, and on around the ring."""
        place = ask.turn % len(ask.models)
        return first(ask, ask.models[place:] + ask.models[:place], f"{ask.models[place]} is next in turn")
