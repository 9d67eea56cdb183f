"""`gather`: a connector, a child run or a slot answered; the answer becomes part of the run.

A decider, like `agents.route`.
"""

from __future__ import annotations

from typing import Any

from app.dependencies import Dependencies
from topics import STEP_RESULTS

NAME = "gather"
TOPIC = STEP_RESULTS


async def run(stream: Any, deps: Dependencies) -> None:
    """Process `step-results`."""
    await deps.processor.run(stream, TOPIC, agent=NAME)
