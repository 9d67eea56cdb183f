"""An answer on its way: the pieces of a streamed call, sent to `result-chunks` as they come."""

from __future__ import annotations

from itertools import count

from app.delivery.envelope import Outgoing, Received
from app.delivery.outbox import Outbox
from app.models.outcome import Piece
from topics import RESULT_CHUNKS
from topics.base import Failure
from topics.model_requests import ModelRequest
from topics.result_chunks import ResultChunk


class Chunks:
    """Sends the pieces of one call; `nonce` tells its attempts from those of another worker at the same request."""

    def __init__(self, received: Received[ModelRequest], nonce: str, outbox: Outbox) -> None:
        self._received = received
        self._nonce = nonce
        self._outbox = outbox
        self._attempt = 0
        self._index = count()

    async def take(self, piece: Piece) -> None:
        """Send a piece."""
        if piece.attempt != self._attempt:
            self._attempt, self._index = piece.attempt, count()
        request = self._received.event
        stream = f"{request.id}#{self._nonce}.{piece.attempt}"
        chunk = ResultChunk(
            task_id=request.task_id,
            step=request.step,
            branch=request.branch,
            model=request.model,
            request_id=request.id,
            stream=stream,
            index=next(self._index),
            base=piece.base,
            kind=piece.kind,
            text=piece.text,
            end=piece.end,
            finish_reason=piece.finish_reason,
            error=Failure.of(piece.error) if piece.error else None,
        )
        outgoing = Outgoing(RESULT_CHUNKS, chunk.task_id, chunk, f"{stream}/{chunk.index}", self._received.partition)
        await self._outbox.publish([outgoing], self._received)
