"""A program as a model: it reads the conversation from its standard input, and writes the answer to its output."""

from __future__ import annotations

import asyncio
import codecs
import shutil
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing, suppress
from typing import ClassVar, Self, TypeVar, cast

from pydantic import Field

from meta_ai_orchestrator.adapters import (
    Completion,
    ConfigurationError,
    Delta,
    Features,
    ModelSettings,
    ModelTimeout,
    Prompt,
    Section,
    Unavailable,
    Usage,
    parse,
)

T = TypeVar("T")


class Options(Section):
    """What a configuration may have under `options`; `meta-ai adapters describe command` shows it."""

    command: tuple[str, ...] = Field(min_length=1, description="the program, and its arguments")


class Command:
    """Runs a program for each call; tokens are counted in words."""

    provider = "command"
    options = Options
    features: Features = frozenset({"streaming"})
    example: ClassVar = {"options": {"command": ["tr", "a-z", "A-Z"]}}

    def __init__(self, command: tuple[str, ...]) -> None:
        self._command = command

    @classmethod
    def from_settings(cls, name: str, settings: ModelSettings) -> Self:
        """Return the model that the configuration calls `name`; nothing is started yet.

        Raises:
            ConfigurationError: an option is wrong, or there is no such program.
        """
        command = parse(name, settings, Options).command
        if shutil.which(command[0]) is None:
            raise ConfigurationError(f"models.{name}.options.command: there is no program {command[0]}")
        return cls(command)

    async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:
        """Return the whole answer, within `timeout` seconds.

        Raises:
            ModelError: the program takes too long, or fails.
        """
        async with aclosing(self.stream(prompt, timeout=timeout)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Completion):
                    return piece
        raise Unavailable("the stream ended before the answer was complete", provider=self.provider)

    async def stream(self, prompt: Prompt, *, timeout: float) -> AsyncGenerator[Delta | Completion]:
        """Yield the answer as the program writes it, and at last the whole of it.

        Raises:
            ModelError: the program takes too long, or fails.
        """
        end = asyncio.get_running_loop().time() + timeout
        asked, text = "\n\n".join(message.content for message in prompt.messages), ""
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode  # a character may come in two reads
        process = await asyncio.create_subprocess_exec(*self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
        try:
            async for piece in self._written(process, asked, end):
                if delta := decode(piece):
                    text += delta
                    yield Delta(delta)
            yield Completion(text, usage=Usage(input_tokens=len(asked.split()), output_tokens=len(text.split())))
        finally:  # whatever happened, and also when nobody wants to hear the rest
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def close(self) -> None:
        """Do nothing: each call ends its own program."""

    async def _written(self, process: Process, asked: str, end: float) -> AsyncGenerator[bytes]:
        source, sink = cast("asyncio.StreamReader", process.stdout), cast("asyncio.StreamWriter", process.stdin)
        with suppress(OSError, RuntimeError):  # it may have ended before it read all: its exit code says how
            sink.write(asked.encode())
            sink.write_eof()
        while piece := await self._before(end, source.read(4096)):
            yield piece
        if code := await self._before(end, process.wait()):
            raise Unavailable(f"the program ended with {code}", provider=self.provider)

    async def _before(self, end: float, work: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout_at(end):
                return await work
        except TimeoutError:
            raise ModelTimeout("no answer within the time allowed", provider=self.provider) from None
