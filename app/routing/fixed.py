"""`fixed`: the models in the order in which they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.routing.base import Choice


class Fixed:
    """Chooses the first ones."""

    def choose(self, models: Sequence[str], *, count: int, key: str, weights: Mapping[str, float]) -> Choice:  # noqa: ARG002  # the port's signature
        """Return the first `count` models."""
        return Choice(tuple(models[:count]), f"the first {min(count, len(models))} of {len(models)} as written")
