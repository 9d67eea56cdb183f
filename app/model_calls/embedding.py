"""What a text means, where an answer can do without it."""

from __future__ import annotations

import asyncio
import logging

from app.cancellation import ends_task
from app.retrieval.base import Embedder
from app.vectors import Vector

log = logging.getLogger(__name__)


async def embedding(text: str, embedder: Embedder, *, of: str, patience: float | None = None) -> Vector | None:
    """Return the vector of `text`, of shape (dimensions,); None when the embedder fails.

    An embedder that takes longer than `patience` seconds is not waited for. The log says that it was `of` a request.
    """
    try:
        async with asyncio.timeout(patience):
            vectors = await embedder.embed([text])
        vector: Vector = vectors[0]
    except BaseException as error:  # whatever is wrong with the embedder, models can be asked and answer
        if ends_task(error):
            raise
        log.warning("no embedding for %s: %s", of, type(error).__name__)
        return None
    return vector
