"""`route`: a task comes in; its workflow is found, and its run begins.

A decider: see `app.worker.run_state_machine` for what it decides, and `app.workflows.engine` for how.
"""

from __future__ import annotations

from typing import Any

from app.dependencies import Dependencies
from topics import TASKS

NAME = "route"
TOPIC = TASKS


async def run(stream: Any, deps: Dependencies) -> None:
    """Process `tasks`."""
    await deps.processor.run(stream, TOPIC, agent=NAME)
