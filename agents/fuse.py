"""`fuse`: a model answered; when the outcome is certain, the candidates become one result.

A decider, like `agents.route`.
"""

from __future__ import annotations

from typing import Any

from app.dependencies import Dependencies
from topics import MODEL_RESPONSES

NAME = "fuse"
TOPIC = MODEL_RESPONSES


async def run(stream: Any, deps: Dependencies) -> None:
    """Process `model-responses`."""
    await deps.processor.run(stream, TOPIC, agent=NAME)
