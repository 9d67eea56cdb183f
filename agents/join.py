"""`join`: knowledge was found; it becomes part of the run, and the models are asked.

A decider, like `agents.route`.
"""

from __future__ import annotations

from typing import Any

from app.dependencies import Dependencies
from topics import RETRIEVAL_RESULTS

NAME = "join"
TOPIC = RETRIEVAL_RESULTS


async def run(stream: Any, deps: Dependencies) -> None:
    """Process `retrieval-results`."""
    await deps.processor.run(stream, TOPIC, agent=NAME)
