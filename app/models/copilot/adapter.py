"""The adapter of GitHub Copilot's SDK."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from pydantic import Field

from app.errors import ConfigurationError, MissingDependency, ModelError, ModelTimeout, Unavailable
from app.models import options
from app.models.base import Completion, Delta, Features, Prompt
from app.models.copilot.reply import CopilotReply
from app.models.copilot.runtime import INSTALL, Runtime, find_runtime
from app.models.http.endpoint import environment_secret
from app.models.http.errors import ErrorTranslator
from app.models.paid import cut_answer
from app.settings import ModelSettings, Section

_PROVIDER = "copilot"


class CopilotOptions(Section):
    """The path of the runtime: a program under GitHub's own licence, which users install themselves."""

    runtime: Path | None = Field(
        default=None, description="the program of the npm package @github/copilot; by default `copilot` on PATH"
    )


class Copilot:
    """Asks Copilot for an answer only: without tools, files, memory or permissions.

    The runtime controls the sampling, so there are few features; it also prepends the date and time to the user's
    message. It accepts one message: a longer conversation is rendered as text. The runtime's own retries are
    suppressed: one call is one attempt. With `base_url` it calls an OpenAI-compatible server with
    `api_key`; without, GitHub, with the token in `api_key` or COPILOT_GITHUB_TOKEN.
    """

    provider = _PROVIDER
    options = CopilotOptions
    features: Features = frozenset({"streaming"})

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._closed = False

    @classmethod
    def from_settings(cls, name: str, settings: ModelSettings) -> Self:
        """Return the model that the configuration calls `name`; the first call starts the runtime.

        Raises:
            ConfigurationError: the model or the token is missing, or an option is invalid.
            MissingDependency: the SDK or the runtime is not installed.
        """
        chosen = options.parse(name, settings, CopilotOptions)
        options.sampling(name, settings)
        if not settings.model:
            raise ConfigurationError(f"models.{name}.model: is required: the provider's name of the model")
        if find_spec("copilot") is None:
            raise MissingDependency(INSTALL)
        key = _key(name, settings)
        errors = ErrorTranslator(_PROVIDER, None, (key,))
        return cls(Runtime(_program(name, chosen), settings.model, settings.base_url, key, errors))

    async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:
        """Return the complete answer, within `timeout` seconds, including the start of the runtime.

        Raises:
            ModelError: one of its subclasses.
        """
        async with aclosing(self.stream(prompt, timeout=timeout)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Completion):
                    return piece
        raise Unavailable("the stream ended before the answer was complete", provider=_PROVIDER)

    async def stream(self, prompt: Prompt, *, timeout: float) -> AsyncGenerator[Delta | Completion]:
        """Yield the deltas of the answer as they arrive, and last the completion.

        Raises:
            ModelError: one of its subclasses.
        """
        end = asyncio.get_running_loop().time() + timeout
        session, events = await self._send(prompt, end)
        answer = CopilotReply(self._runtime.errors)
        try:
            while not answer.ended:
                delta = answer.take(await _with_deadline(end, events.get()))
                if delta:
                    yield delta
            yield answer.completion()
        except ModelError as error:
            error.answer = cut_answer(answer.partial, counted=answer.ended)
            raise
        finally:
            self._runtime.forget(session)

    async def close(self) -> None:
        """Stop the runtime and delete its files."""
        self._closed = True
        await self._runtime.close()

    async def _send(self, prompt: Prompt, end: float) -> tuple[Any, asyncio.Queue[Any]]:
        """Send the prompt; return its session and the queue of its events."""
        if self._closed:
            raise Unavailable("the model is closed", provider=_PROVIDER)
        loop, events = asyncio.get_running_loop(), asyncio.Queue[Any]()
        instructions = "\n\n".join(message.content for message in prompt.messages if message.role == "system")
        session = await _with_deadline(end, self._runtime.session(instructions))
        session.on(lambda event: loop.call_soon_threadsafe(events.put_nowait, event.data))
        try:
            await _with_deadline(end, session.send(_conversation(prompt)))
        except BaseException as problem:
            self._runtime.forget(session)
            if isinstance(problem, ModelError) or not isinstance(problem, Exception):
                raise
            raise self._runtime.errors.broken(f"the prompt was not accepted: {problem}") from None
        return session, events


def _conversation(prompt: Prompt) -> str:
    turns = [message for message in prompt.messages if message.role != "system"]
    if len(turns) == 1:
        return turns[0].content
    return "\n\n".join(f"{turn.role.capitalize()}: {turn.content}" for turn in turns)


async def _with_deadline(end: float, work: Any) -> Any:
    try:
        async with asyncio.timeout_at(end):
            return await work
    except TimeoutError:
        raise ModelTimeout("no answer within the time allowed", provider=_PROVIDER) from None


def _key(name: str, settings: ModelSettings) -> str:
    if settings.api_key is not None:
        return settings.api_key.get_secret_value()
    if settings.base_url:
        return "unused"
    if token := environment_secret("COPILOT_GITHUB_TOKEN"):
        return token
    raise ConfigurationError(f"models.{name}.api_key: set it, or the environment variable COPILOT_GITHUB_TOKEN")


def _program(name: str, chosen: CopilotOptions) -> Path:
    if chosen.runtime is None:
        return find_runtime()
    if not chosen.runtime.is_file():
        raise ConfigurationError(f"models.{name}.options.runtime: {chosen.runtime} does not exist")
    return chosen.runtime
