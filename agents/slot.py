"""`slot`: a run of a workflow with a concurrency limit asks for its turn, or gives it back.

A decider, like `agents.route`; what it keeps is not a run but the turns of one key.
"""

from __future__ import annotations

from typing import Any

from app.dependencies import Dependencies
from topics import SLOTS

NAME = "slot"
TOPIC = SLOTS


async def run(stream: Any, deps: Dependencies) -> None:
    """Process `slots`."""
    await deps.processor.run(stream, TOPIC, agent=NAME)
