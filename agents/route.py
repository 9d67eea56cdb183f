"""`route`: a task comes in; its workflow is found, and its run begins.

A decider: see `agents.runs` for what it decides, and `app.workflows.engine` for how.
"""

from __future__ import annotations

from typing import Any

from agents.parts import Parts
from topics import TASKS

NAME = "route"
TOPIC = TASKS


async def run(stream: Any, parts: Parts) -> None:
    """Process `tasks`."""
    await parts.decider.run(stream, TOPIC, agent=NAME)
