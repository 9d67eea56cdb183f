"""Reads documents in processes of its own, so that one that crashes or never ends costs nobody else anything."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from app.retrieval.parsing.child import ParseRequest
from app.retrieval.parsing.parsed import ParsedDocument
from app.retrieval.parsing.process import ParserProcess
from app.retrieval.parsing.reading import ReadingLimits
from app.settings import ParsingSettings

#: A process that has nothing to do for so long is ended: it holds a hundred megabytes.
_IDLE_SECONDS = 60.0


class DocumentParser:
    """A pool of parser processes; they start when there is something to read."""

    def __init__(self, settings: ParsingSettings, *, idle: float = _IDLE_SECONDS) -> None:
        self._settings = settings
        self._limits = ReadingLimits(pages=settings.pages, cells=settings.cells, characters=settings.characters)
        self._places = asyncio.Semaphore(settings.processes)
        self._idle: list[ParserProcess] = []
        self._busy: set[ParserProcess] = set()
        self._idle_seconds = idle
        self._timer: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> Sequence[int]:
        """The ids of the processes that read something now."""
        return [process.pid for process in self._busy]

    async def parse(self, data: bytes, media_type: str) -> ParsedDocument:
        """Return what is in a document of a format in `app.retrieval.parsing.formats`.

        Raises:
            MissingDependency: the packages for its format are not installed.
            UnreadableDocument: it cannot be read within the limits of `retrieval.parsing`.
        """
        seconds = self._settings.timeout
        request = ParseRequest(media_type=media_type, size=len(data), seconds=seconds, limits=self._limits)
        async with self._places:
            self._stop_timer()
            process = self._idle.pop() if self._idle else await ParserProcess.start(self._settings.memory)
            self._busy.add(process)
            try:
                return await process.parse(data, request)
            finally:
                self._busy.discard(process)
                if process.alive:
                    self._idle.append(process)
                self._timer = asyncio.get_running_loop().call_later(self._idle_seconds, self._end_idle)

    async def close(self) -> None:
        """End all processes that do nothing; call it when nothing is read."""
        self._stop_timer()
        idle, self._idle = self._idle, []
        await asyncio.gather(*(process.kill() for process in idle), *self._ending)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _end_idle(self) -> None:
        idle, self._idle = self._idle, []
        for process in idle:
            task = asyncio.create_task(process.kill(), name=f"end the parser {process.pid}")
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
