"""`gather`: a connector, a child run or a slot answered; the answer becomes part of the run.

A decider, like `agents.route`.
"""

from __future__ import annotations

from typing import Any

from agents.parts import Parts
from topics import STEP_RESULTS

NAME = "gather"
TOPIC = STEP_RESULTS


async def run(stream: Any, parts: Parts) -> None:
    """Process `step-results`."""
    await parts.decider.run(stream, TOPIC, agent=NAME)
