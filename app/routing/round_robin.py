"""`round-robin`: the models in turn."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from app.routing.base import Ask, Choice, Once, Options
from app.routing.choosing import first


class RoundRobin(Once):
    """Each model in its turn, one place further with each task."""

    name: ClassVar[str] = "round-robin"
    Options: ClassVar[type[BaseModel]] = Options

    def __init__(self, options: BaseModel) -> None:
        self._options = options

    def choose(self, ask: Ask) -> Choice:
        """Return the models from the one whose turn it is, and on around the ring."""
        place = ask.turn % len(ask.models)
        return first(ask, ask.models[place:] + ask.models[:place], f"{ask.models[place]} is next in turn")
