"""One answer on its way to one client: its pieces in order, and then its result."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from app.gateway.views.answer_feed import AnswerFeed, Piece
from app.gateway.views.task_log import STIR_SECONDS, TaskLog
from topics.result_chunks import ResultChunk
from topics.results import Result

#: Seconds: how long a client hears nothing before it is told that the connection is alive, and how long a stream lasts.
KEEP_ALIVE_SECONDS, LONGEST_SECONDS = 10.0, 3600.0
#: Seconds: how long the result is kept back for pieces that are still on their way, as it comes on another topic.
_PIECES_SECONDS = 0.5


class AnswerStream:
    """Follows a task while its context lasts; enter it before the task is sent, or `replay` what was there before."""

    def __init__(self, log: TaskLog, feed: AnswerFeed, task_id: str) -> None:
        self._log = log
        self._feed = feed
        self._task_id = task_id
        self._pieces: asyncio.Queue[Piece | None] = asyncio.Queue()
        self._begin = 0
        self._unfinished: set[str] = set()
        self._following = feed.following(task_id, self._coming)
        self.ended = False

    def __enter__(self) -> Self:
        self._following.__enter__()
        self._result = asyncio.create_task(self._log.wait(self._task_id, LONGEST_SECONDS))
        self._result.add_done_callback(self._result_came)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._result.cancel()
        self._following.__exit__(kind, error, trace)

    def replay(self, pieces: Iterable[Piece], end: int) -> None:
        """Take in the pieces that are on the topic before the offset `end`; the feed may be behind that, or ahead."""
        ahead = [self._pieces.get_nowait() for _ in range(self._pieces.qsize())]
        for offset, piece in pieces:
            self._take(offset, piece)
        self._begin = end
        for one in ahead:
            if one is None or one[0] >= end:
                self._pieces.put_nowait(one)

    async def next(self) -> Piece | Result | None:
        """Return the next piece, and in the end the result; None when there was nothing for a while.

        Raises:
            BrokerError: the broker does not return the result.
            TimeoutError: the stream has lasted too long, or the gateway stops.
        """
        for _ in range(int(KEEP_ALIVE_SECONDS / STIR_SECONDS)):
            self._feed.stir()
            try:
                async with asyncio.timeout(STIR_SECONDS):
                    piece = await self._pieces.get()
            except TimeoutError:
                continue
            return piece or self._end()
        return None

    def _end(self) -> Result:
        self.ended = True
        if (result := self._result.result()) is None:
            raise TimeoutError
        return result

    def _coming(self, offset: int, piece: ResultChunk) -> None:
        if offset >= self._begin:
            self._take(offset, piece)
            if piece.end and self._result.done():
                self._result_came(self._result)

    def _take(self, offset: int, piece: ResultChunk) -> None:
        self._pieces.put_nowait((offset, piece))
        change = self._unfinished.discard if piece.end else self._unfinished.add
        change(piece.stream)

    def _result_came(self, result: asyncio.Task[Result | None]) -> None:
        if result.cancelled():
            return
        result.exception()  # a stream that is left before its end does not ask for it
        if self._unfinished:
            asyncio.get_running_loop().call_later(_PIECES_SECONDS, self._pieces.put_nowait, None)
        else:
            self._pieces.put_nowait(None)
