"""`signal`: somebody outside tells a run something, such as an approval, or cancels it.

A decider, like `agents.route`.
"""

from __future__ import annotations

from typing import Any

from agents.parts import Parts
from topics import SIGNALS

NAME = "signal"
TOPIC = SIGNALS


async def run(stream: Any, parts: Parts) -> None:
    """Process `signals`."""
    await parts.decider.run(stream, TOPIC, agent=NAME)
