"""`fuse`: a model answered; when the outcome is certain, the candidates become one result.

A decider, like `agents.route`.
"""

from __future__ import annotations

from typing import Any

from agents.parts import Parts
from topics import MODEL_RESPONSES

NAME = "fuse"
TOPIC = MODEL_RESPONSES


async def run(stream: Any, parts: Parts) -> None:
    """Process `model-responses`."""
    await parts.decider.run(stream, TOPIC, agent=NAME)
