"""What the engine may know besides the run and the event, given to it as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.routing.base import HealthSnapshot, ModelProfile
from app.security.residency import Residency
from app.settings import BudgetSettings, Settings
from app.workflows.definition.definitions import Definitions

_UNBOUND = Residency(Settings())


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """Limits in seconds."""

    #: How long a run may take at most.
    max_run: float = 30 * 86400.0
    #: How long a run that ended is remembered.
    remember: float = 600.0
    #: How long a task waits for a workflow that is not known yet: its deployment may be under way.
    lookup: float = 2.0


@dataclass(frozen=True, slots=True)
class EngineContext:
    """The deployed workflows, what is known of the models, the limits, and the budgets in the order to ask them.

    `residency` says which models a tenant's work may reach.
    """

    definitions: Definitions
    profiles: Mapping[str, ModelProfile] = field(default_factory=dict)
    health: Mapping[str, HealthSnapshot] = field(default_factory=dict)
    limits: EngineLimits = EngineLimits()
    budgets: tuple[BudgetSettings, ...] = ()
    residency: Residency = _UNBOUND
