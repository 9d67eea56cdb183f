"""The port of routing: a pure policy that chooses which models a step asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen models, in order of preference, and why."""

    models: tuple[str, ...]
    reason: str


class Policy(Protocol):
    """Chooses `count` of `models`; equal arguments give equal choices, so that a replay chooses the same."""

    def choose(self, models: Sequence[str], *, count: int, key: str, weights: Mapping[str, float]) -> Choice:
        """Return the choice for the run that `key` names; `models` is not empty, and `count` at least 1."""
        ...
