"""Where the pieces of a streamed answer go, of which several attempts may have a part."""

from __future__ import annotations

from app.models.base import Delta
from app.models.outcome import Piece, Sink


class SinkFailed(Exception):
    """The sink raised; its error is the cause. It is nothing that a model has done."""


class StreamMerge:
    """Hands pieces on to `sink`: before them stand the first `base` characters of the answer.

    Of attempts that are made at the same time only the first that says something is heard; if that one is cut off,
    another one, of which nothing has been missed yet.
    """

    def __init__(self, sink: Sink, base: int) -> None:
        self._sink = sink
        self._base = base
        self._source: int | None = None
        self._missed: set[int] = set()

    async def write(self, number: int, delta: Delta) -> bool:
        """Hand a piece of the attempt `number` on; return whether it was heard.

        Raises:
            SinkFailed: the sink did not take it.
        """
        if self._source is None and number not in self._missed:
            self._source = number
        if self._source != number:
            self._missed.add(number)
            return False
        if delta.reasoning:
            await self._emit(Piece(number, self._base, "reasoning", delta.reasoning))
        if delta.text:
            await self._emit(Piece(number, self._base, "text", delta.text))
        return True

    async def end(self, last: Piece) -> None:
        """Hand on the end of an attempt, unless another one is heard.

        Raises:
            SinkFailed: the sink did not take it.
        """
        if self._source in {None, last.attempt} and last.attempt not in self._missed:
            self._source = None if last.error else last.attempt
            await self._emit(last)

    def last(self, number: int) -> Piece:
        """Return the piece with which the attempt `number` ends."""
        return Piece(number, self._base, end=True)

    async def _emit(self, piece: Piece) -> None:
        try:
            await self._sink(piece)
        except Exception as error:
            raise SinkFailed from error
