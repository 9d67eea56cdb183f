"""Asks as tests need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from app.routing import registry
from app.routing.base import Choice, ModelAnswer, Policy, RoutingRequest

MODELS = ("a", "b", "c")
NOW = 1_000.0


def ask(*models: str, count: int | None = None, **more: Any) -> RoutingRequest:
    """Return an ask for all of `models` (a, b and c by default)."""
    models = models or MODELS
    return RoutingRequest(**{"models": models, "count": count or len(models), "key": "run/step", "now": NOW, **more})


def policy(name: str, **options: Any) -> Policy:
    return registry.get(name, options)


def answers(*texts: tuple[str, str | None]) -> list[ModelAnswer]:
    return [ModelAnswer(model, text) for model, text in texts]


def everyone(choice: Choice) -> tuple[str, ...]:
    return choice.models + choice.reserves


def chosen(name: str, options: Mapping[str, Any], asks: Sequence[RoutingRequest]) -> list[str]:
    """Return the first model of each ask."""
    chooses = registry.get(name, options).choose
    return [chooses(one).models[0] for one in asks]


def near(value: float) -> Any:
    """Return what equals `value` but for rounding, for comparisons of whole objects."""
    return pytest.approx(value)
