"""An answer on its way: the pieces of a streamed call, sent to `result-chunks` a few times a second."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import count
from types import TracebackType
from typing import Self

from app.cancellation import as_failure, ends_task
from app.delivery.envelope import Outgoing, Received
from app.delivery.outbox import Outbox
from app.models.outcome import Piece
from topics import RESULT_CHUNKS
from topics.base import Failure
from topics.model_requests import ModelRequest
from topics.model_responses import ModelResponse
from topics.result_chunks import ResultChunk

#: Seconds between two messages: nobody reads faster.
_PAUSE = 0.05
#: Characters that are not kept back until the pause is over, and how many may wait for a slow broker.
_ENOUGH = 2048
_MOST = 65_536


class StreamPublisher:
    """Sends the pieces of one call while its context lasts; of an attempt, nothing after its end.

    The first piece of an attempt goes at once, and its end too; those between are collected for a moment. `nonce`
    tells the call's attempts from those of another worker at the same request.
    """

    def __init__(self, received: Received[ModelRequest], nonce: str, outbox: Outbox) -> None:
        self._received = received
        self._nonce = nonce
        self._outbox = outbox
        self._indices: defaultdict[int, count[int]] = defaultdict(count)
        self._ended: set[int] = set()
        self._pending: list[Piece] = []
        self._sending = False
        self._error: Exception | None = None
        self._closed = False
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        async with self._changed:
            self._changed.notify_all()  # an attempt that could not be stopped in time: nobody sends its pieces

    async def take(self, piece: Piece) -> None:
        """Send a piece soon; returns at once unless much is waiting, and after an end when all is sent.

        Raises:
            InvalidEvent: a piece, this one or an earlier one, cannot be sent.
        """
        async with self._changed:
            if self._closed or piece.attempt in self._ended:
                return
            self._add(piece)
            self._changed.notify_all()
            await self._until(lambda: self._idle if piece.end else self._size <= _MOST)

    async def whole(self, answer: ModelResponse) -> None:
        """Send an answer that was there before, outside of the context."""
        piece = Piece(1, 0, text=answer.text, end=True, finish_reason=answer.finish_reason)
        await self._outbox.publish([self._outgoing(piece)], self._received)

    def _add(self, piece: Piece) -> None:
        """Put a piece behind those that wait, as one with the last of them where that can be."""
        if piece.end:
            self._ended.add(piece.attempt)
        last = self._pending[-1] if self._pending else None
        if last and last.attempt == piece.attempt and (last.kind == piece.kind or not piece.text):
            self._pending[-1] = replace(piece, kind=last.kind, text=last.text + piece.text)
        else:
            self._pending.append(piece)

    @property
    def _size(self) -> int:
        return sum(len(piece.text) for piece in self._pending)

    @property
    def _idle(self) -> bool:
        return not self._pending and not self._sending

    @property
    def _urgent(self) -> bool:
        new = any(piece.end or piece.attempt not in self._indices for piece in self._pending)
        return new or self._size >= _ENOUGH

    async def _until(self, holds: Callable[[], bool]) -> None:
        await self._changed.wait_for(lambda: self._closed or self._error or holds())
        if self._error:
            raise self._error

    async def _run(self) -> None:
        try:
            while True:
                await self._send()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_PAUSE), self._changed:
                        await self._changed.wait_for(lambda: self._urgent)
        except BaseException as error:  # it is raised where the pieces come from
            if ends_task(error):
                raise
            async with self._changed:
                self._error = as_failure(error)
                self._changed.notify_all()

    async def _send(self) -> None:
        """Send what waits, once there is something."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._pending)
            pieces, self._pending, self._sending = self._pending, [], True
            self._changed.notify_all()
        await self._outbox.publish([self._outgoing(piece) for piece in pieces], self._received)
        async with self._changed:
            self._sending = False
            self._changed.notify_all()

    def _outgoing(self, piece: Piece) -> Outgoing:
        request = self._received.event
        stream = f"{request.id}#{self._nonce}.{piece.attempt}"
        chunk = ResultChunk(
            task_id=request.task_id,
            step=request.step,
            branch=request.branch,
            model=request.model,
            request_id=request.id,
            stream=stream,
            index=next(self._indices[piece.attempt]),
            base=piece.base,
            kind=piece.kind,
            text=piece.text,
            end=piece.end,
            finish_reason=piece.finish_reason,
            error=Failure.of(piece.error) if piece.error else None,
        )
        return Outgoing(RESULT_CHUNKS, chunk.task_id, chunk, f"{stream}/{chunk.index}", self._received.partition)
