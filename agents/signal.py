"""`signal`: somebody outside tells a run something, such as an approval, or cancels it.

A decider, like `agents.route`.
"""

from __future__ import annotations

from typing import Any

from app.dependencies import Dependencies
from topics import SIGNALS

NAME = "signal"
TOPIC = SIGNALS


async def run(stream: Any, deps: Dependencies) -> None:
    """Process `signals`."""
    await deps.processor.run(stream, TOPIC, agent=NAME)
