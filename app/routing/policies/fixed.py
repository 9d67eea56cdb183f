"""`fixed`: the models in the order in which they are written."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from app.routing.base import Choice, PolicyOptions, RoutingRequest, SinglePassPolicy
from app.routing.choosing import first


class Fixed(SinglePassPolicy):
    """The first models, as they are written; the next ones stand in for those that fail."""

    name: ClassVar[str] = "fixed"
    Options: ClassVar[type[BaseModel]] = PolicyOptions

    def __init__(self, options: BaseModel) -> None:
        self._options = options

    def choose(self, request: RoutingRequest) -> Choice:
        """Return the first `request.count` models."""
        total = len(request.models)
        return first(request, request.models, f"the first {min(request.count, total)} of {total} as written")
