"""Start, measure and stop worker processes."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types

_GRACE = 30.0
_LONGEST_LINE = 1 << 24
_ROOT = Path(__file__).parent.parent


class MeasuredProcess:
    """A process that reports its progress on standard output."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._stats = psutil.Process(process.pid)

    async def says(self, word: str, *, seconds: float = 120.0) -> str:
        """Return the rest of the line that starts with `word`.

        Raises:
            RuntimeError: the process ended before printing it.
            TimeoutError: it was not printed in time.
        """
        async with asyncio.timeout(seconds):
            while line := await self._output.readline():
                first, _, rest = line.decode().strip().partition(" ")
                if first == word:
                    return rest
        raise RuntimeError(f"the process ended before it said `{word}`; see above")

    def tell(self, line: str) -> None:
        """Write a line to its standard input, which must be a pipe."""
        if self._process.stdin is None:
            raise RuntimeError("the process was started without a pipe to it")
        self._process.stdin.write(f"{line}\n".encode())

    @property
    def _output(self) -> asyncio.StreamReader:
        if self._process.stdout is None:
            raise RuntimeError("the process was started without a pipe")
        return self._process.stdout

    @property
    def cpu(self) -> float:
        """Seconds of processor time so far, in user and system mode."""
        times = self._stats.cpu_times()
        return float(times.user + times.system)

    @property
    def children_cpu(self) -> float:
        """Seconds of processor time so far of the processes that it has started, as its broker."""
        times = [child.cpu_times() for child in self._stats.children(recursive=True)]
        return float(sum(one.user + one.system for one in times))

    @property
    def rss(self) -> float:
        """Resident memory in MiB."""
        return float(self._stats.memory_info().rss) / 2**20

    async def kill(self) -> None:
        """Kill it."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def stop(self) -> None:
        """Stop it gracefully, or kill it after the grace period."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), _GRACE)
        except TimeoutError:
            await self.kill()


async def start(module: str, *arguments: str) -> MeasuredProcess:
    """Start `python -m module` with these arguments; its errors appear on ours."""
    command = (sys.executable, "-m", module, *arguments)
    return MeasuredProcess(await asyncio.create_subprocess_exec(*command, stdout=PIPE, cwd=_ROOT, limit=_LONGEST_LINE))


@asynccontextmanager
async def running(module: str, *arguments: str) -> AsyncIterator[MeasuredProcess]:
    """Yield a ready process, which is stopped after the block."""
    subject = await start(module, *arguments)
    try:
        await subject.says("ready")
        yield subject
    finally:
        await subject.stop()
