"""The parent's side of a parser process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process

from app.errors import MissingDependency, RetrievalError, UnreadableDocument
from app.retrieval.parsing.child import ParseAnswer, ParseRequest
from app.retrieval.parsing.parsed import ParsedDocument

_MAIN = "import sys; sys.path[:] = sys.argv[2:]; from app.retrieval.parsing.child import main; main(int(sys.argv[1]))"

#: A loaded machine takes its time; one that never starts is found out.
_START_SECONDS = 60.0


class ParserProcess:
    """A process that reads one document at a time; `alive` until it crashes or is killed."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, memory: int) -> ParserProcess:
        """Start one that may use so many bytes of memory, and return it when it is ready.

        Raises:
            RetrievalError: it did not start.
        """
        command = [sys.executable, "-I", "-X", "utf8", "-c", _MAIN, str(memory), *_path()]
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={}, start_new_session=True
        )
        started = cls(process)
        try:
            async with asyncio.timeout(_START_SECONDS):
                await started._read_answer()
        except (EOFError, TimeoutError):
            await started.kill()
            raise RetrievalError("the parser's process did not start") from None
        except BaseException:
            await started.kill()
            raise
        return started

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.returncode is None

    async def parse(self, data: bytes, request: ParseRequest) -> ParsedDocument:
        """Return what is in a document. If it is not asked to its end, or cannot be, the process is killed.

        Raises:
            MissingDependency: a package is not installed.
            UnreadableDocument: it cannot be read, not within the time, or the process died of it.
        """
        try:
            async with asyncio.timeout(request.seconds):
                answer = await self._ask(data, request)
        except TimeoutError:
            await self.kill()
            text = f"it was not read within {request.seconds:g} s, which is retrieval.parsing.timeout"
            raise UnreadableDocument(text) from None
        except (EOFError, ConnectionError):
            await self.kill()
            raise UnreadableDocument(self._ending()) from None
        except BaseException:  # its answer would be taken for that to the next request
            await self.kill()
            raise
        if answer.error and answer.error.code == MissingDependency.code:
            raise MissingDependency(answer.error.message)
        if answer.error or answer.parsed is None:
            raise UnreadableDocument(answer.error.message if answer.error else "nothing was read")
        return answer.parsed

    async def kill(self) -> None:
        """End the process, and wait for that."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def _ask(self, data: bytes, request: ParseRequest) -> ParseAnswer:
        requests = self._process.stdin
        if requests is None:
            raise EOFError
        requests.writelines((request.model_dump_json().encode(), b"\n", data))
        await requests.drain()
        return ParseAnswer.model_validate_json(await self._read_answer())

    async def _read_answer(self) -> bytes:
        answers = self._process.stdout
        if answers is None:
            raise EOFError
        return await answers.readexactly(int.from_bytes(await answers.readexactly(8), "big"))

    def _ending(self) -> str:
        code = self._process.returncode or 0
        name = f" ({signal.strsignal(-code)})" if code < 0 else ""
        return f"the parser died of it{name}: the document is damaged, or takes more than retrieval.parsing.memory"


def _path() -> list[str]:
    """Return where this process finds its modules, for one that may start elsewhere."""
    return [os.path.realpath(one) for one in sys.path]
