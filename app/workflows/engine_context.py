"""What the engine knows of the world: all that is not in the run or the event, given to it as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.routing.base import HealthSnapshot, ModelFacts
from app.settings import BudgetSettings
from app.workflows.definition.definitions import Definitions


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """In seconds: how long a run may take at most, how long a finished one is remembered.

    `patience` is how long a task waits for a workflow that is not known yet: its deployment may be under way.
    """

    max_run: float = 30 * 86400.0
    remember: float = 600.0
    patience: float = 2.0


@dataclass(frozen=True, slots=True)
class EngineContext:
    """The deployed workflows, what is known of the models, the limits, and the budgets in the order to ask them."""

    definitions: Definitions
    facts: Mapping[str, ModelFacts] = field(default_factory=dict)
    health: Mapping[str, HealthSnapshot] = field(default_factory=dict)
    limits: EngineLimits = EngineLimits()
    budgets: tuple[BudgetSettings, ...] = ()
