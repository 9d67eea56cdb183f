"""`budget`: a run under a budget asks for money before it begins, or settles what it has cost.

A decider, like `agents.slot`; what it keeps is the account of one budget.
"""

from __future__ import annotations

from typing import Any

from app.dependencies import Dependencies
from topics import BUDGETS

NAME = "budget"
TOPIC = BUDGETS


async def run(stream: Any, deps: Dependencies) -> None:
    """Process `budgets`."""
    await deps.processor.run(stream, TOPIC, agent=NAME)
