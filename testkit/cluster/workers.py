"""Worker processes of one consumer group, which a test starts, stops and kills."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]
_READY_SECONDS = 60.0
_STOP_SECONDS = 40.0


class Workers:
    """The processes that were started and not yet ended; leaving the block ends them all.

    What they log goes to `log`.
    """

    def __init__(
        self, bootstrap_servers: str, settings: Mapping[str, Any], log: Path, *, faults: Sequence[str] = ()
    ) -> None:
        self.log = log
        config = {"bootstrap_servers": bootstrap_servers, "settings": settings, "faults": faults}
        self._command = [sys.executable, "-m", "testkit.cluster.worker_process", json.dumps(config)]
        self._running: list[Process] = []
        self._ready: set[int] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(self.kill(process) for process in self))

    def __iter__(self) -> Iterator[Process]:
        return iter(tuple(self._running))

    def __len__(self) -> int:
        return len(self._running)

    async def start(self, count: int = 1, *, ready: bool = True) -> Sequence[Process]:
        """Start `count` workers, and return them when they are ready, or at once."""
        started = [await self._spawn() for _ in range(count)]
        if ready:
            await asyncio.gather(*(self.ready(process) for process in started))
        return started

    async def _spawn(self) -> Process:
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, stderr=log, cwd=ROOT, env={**os.environ, "PYTHONPATH": "."}
            )
        self._running.append(process)
        return process

    async def ready(self, process: Process) -> None:
        """Return when the worker says that it is ready."""
        async with asyncio.timeout(_READY_SECONDS):
            said = await process.stdout.readline() if process.stdout else b""
        assert said == b"ready\n", f"the worker ended early:\n{self.last_words()}"
        self._ready.add(process.pid)

    async def kill(self, process: Process) -> None:
        """End the worker without warning."""
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await self._gone(process)

    async def stop(self, process: Process) -> None:
        """End the worker by SIGTERM, as an operator would, and see it end well."""
        process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self._gone(process)
        except TimeoutError:
            process.send_signal(signal.SIGUSR1)
            await asyncio.sleep(1.0)
            raise AssertionError(f"the worker does not stop:\n{self.last_words()}") from None
        # One that has only just been started may not listen to signals yet, and then ends by this one.
        well = (0,) if process.pid in self._ready else (0, -signal.SIGTERM)
        assert process.returncode in well, f"the worker did not stop in order:\n{self.last_words()}"

    async def _gone(self, process: Process) -> None:
        await process.communicate()
        if process in self._running:
            self._running.remove(process)

    def last_words(self) -> str:
        """Return the end of what the workers logged."""
        return self.log.read_text(errors="replace")[-8000:]
