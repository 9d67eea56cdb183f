"""Models that stream as they are told, on the loop's own clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from app.errors import ModelError
from app.models.base import Completion, Delta, Features, Prompt
from app.models.calling.call import Clock
from app.models.outcome import Piece
from app.settings import ModelSettings
from testkit.bounded_limiter import BoundedLimiter
from tests.models.virtual_time import now
from topics.model_requests import Message

PROMPT = Prompt((Message(role="user", content="Hello?"),))
#: What a model does: wait so long, say something (with or without counts), or fail.
Act = float | str | Delta | ModelError | Exception


class Player:
    """Plays one script for each attempt, the last one again and again; streams unless it is `whole`."""

    provider = "player"

    def __init__(self, *scripts: Sequence[Act], whole: bool = False) -> None:
        self.scripts = scripts
        self.features: Features = frozenset() if whole else frozenset({"streaming"})
        self.prompts: list[Prompt] = []
        self.ended = 0

    async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:
        async for piece in self.stream(prompt, timeout=timeout):
            if isinstance(piece, Completion):
                return piece
        raise AssertionError("a script has an end")

    async def stream(self, prompt: Prompt, *, timeout: float) -> AsyncGenerator[Delta | Completion]:  # noqa: ARG002
        self.prompts.append(prompt)
        text = ""
        try:
            for act in self.scripts[min(len(self.prompts), len(self.scripts)) - 1]:
                if isinstance(act, Exception):
                    raise act
                if isinstance(act, str):
                    text += act
                    yield Delta(act)
                elif isinstance(act, Delta):
                    text += act.text
                    yield act
                else:
                    await asyncio.sleep(act)
            yield Completion(text)
        finally:
            self.ended += 1

    async def close(self) -> None: ...


class Reader:
    """A sink that keeps what it is given; it takes its time, or fails, if told to."""

    def __init__(self, *, takes: float = 0.0, error: Exception | None = None) -> None:
        self.pieces: list[Piece] = []
        self._takes = takes
        self._error = error

    async def take(self, piece: Piece) -> None:
        if self._error:
            raise self._error
        await asyncio.sleep(self._takes)
        self.pieces.append(piece)

    @property
    def text(self) -> str:
        """What a reader has in the end who keeps to the bases."""
        text = ""
        for piece in self.pieces:
            if not text or piece.base <= len(text):
                started = [one for one in self.pieces if one.attempt == piece.attempt]
                text = text[: piece.base] if piece is started[0] else text
            text += piece.text
        return text

    @property
    def attempts(self) -> set[int]:
        return {piece.attempt for piece in self.pieces}


def settings(**fields: Any) -> ModelSettings:
    return ModelSettings.model_validate({"provider": "scripted", **fields})


def limiter(model: Player, at_once: int = 10) -> BoundedLimiter:
    return BoundedLimiter(model, at_once)


def clock() -> Clock:
    return Clock(now=now)
