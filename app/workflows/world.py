"""What the engine knows of the world: all that is not in the run or the event, given to it as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.routing.base import Facts, Health
from app.settings import BudgetSettings
from app.workflows.definitions import Definitions


@dataclass(frozen=True, slots=True)
class Limits:
    """In seconds: how long a run may take at most, how long a finished one is remembered.

    `patience` is how long a task waits for a workflow that is not known yet: its deployment may be under way.
    """

    max_run: float = 30 * 86400.0
    remember: float = 600.0
    patience: float = 2.0


@dataclass(frozen=True, slots=True)
class World:
    """The deployed workflows, what is known of the models, the limits, and the budgets in the order to ask them."""

    definitions: Definitions
    facts: Mapping[str, Facts] = field(default_factory=dict)
    health: Mapping[str, Health] = field(default_factory=dict)
    limits: Limits = Limits()
    budgets: tuple[BudgetSettings, ...] = ()
