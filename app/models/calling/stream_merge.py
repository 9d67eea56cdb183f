"""Merge the streams of hedged attempts into one answer."""

from __future__ import annotations

from app.models.base import Delta
from app.models.outcome import Piece, Sink


class SinkFailed(Exception):
    """The sink raised; its error is the cause. The model is not at fault."""


class StreamMerge:
    """Forwards pieces to `sink`; they follow the first `base` characters of the answer.

    Of concurrent attempts only the first to produce output is forwarded; if it is cut off, another one takes over,
    provided none of its output was dropped.
    """

    def __init__(self, sink: Sink, base: int) -> None:
        self._sink = sink
        self._base = base
        self._source: int | None = None
        self._missed: set[int] = set()

    async def write(self, number: int, delta: Delta) -> bool:
        """Forward a piece of the attempt `number`; return whether it was forwarded.

        Raises:
            SinkFailed: the sink did not accept it.
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
        """Forward the end of an attempt, unless another one is being forwarded.

        Raises:
            SinkFailed: the sink did not accept it.
        """
        if self._source in {None, last.attempt} and last.attempt not in self._missed:
            self._source = None if last.error else last.attempt
            await self._emit(last)

    def last(self, number: int) -> Piece:
        """Return the last piece of the attempt `number`."""
        return Piece(number, self._base, end=True)

    async def _emit(self, piece: Piece) -> None:
        try:
            await self._sink(piece)
        except Exception as error:
            raise SinkFailed from error
