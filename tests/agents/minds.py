"""The mind of the deciders, for tests in which runs are really decided."""

from __future__ import annotations

from agents.runs import Runs
from app.settings import Settings
from app.telemetry.metrics import Metrics
from app.workflows.builtin import ask
from app.workflows.definitions import Definitions
from app.workflows.spec import Workflow
from app.workflows.world import World
from tests.agents.parts import PARTITIONS


def runs(settings: Settings, metrics: Metrics, *specs: Workflow) -> Runs:
    """Return the mind for the built-in workflow, and for `specs`."""
    world = World(Definitions([ask(settings.ask), *specs]), budgets=settings.budgets)
    return Runs(lambda: world, PARTITIONS, metrics)
