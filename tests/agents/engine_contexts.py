"""The state machine of the stateful agents, for tests with real runs."""

from __future__ import annotations

from app.settings import Settings
from app.telemetry.metrics import Metrics
from app.worker.run_state_machine import RunStateMachine
from app.workflows.definition.builtin import ask
from app.workflows.definition.definitions import Definitions
from app.workflows.definition.spec import Workflow
from app.workflows.engine_context import EngineContext
from tests.agents.deps import PARTITIONS


def runs(settings: Settings, metrics: Metrics, *specs: Workflow) -> RunStateMachine:
    """Return the state machine for the built-in workflow, and for `specs`."""
    engine_context = EngineContext(Definitions([ask(settings.ask), *specs]), budgets=settings.budgets)
    return RunStateMachine(lambda: engine_context, PARTITIONS, metrics)
