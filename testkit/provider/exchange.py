"""One request to the faulty provider, and its correct answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiohttp import web

from testkit.provider.dialects import Dialect

#: The answer of a healthy model, in the pieces of its stream.
PARTS = ("Every ", "good ", "answer ", "has ", "a ", "first ", "word, ", "a ", "last ", "one, ", "and ", "an end.")
ANSWER = "".join(PARTS)

#: Pieces that are sent before a stream breaks.
_BEFORE = 2
_EVENTS = {"content-type": "text/event-stream", "cache-control": "no-cache"}


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its correct answer: `parts`, or the remaining ones."""

    request: web.Request
    dialect: Dialect
    model: str
    stream: bool
    parts: tuple[str, ...]

    @property
    def whole(self) -> bytes:
        """The body of the correct answer."""
        return json.dumps(self.dialect.whole(self.model, self.parts)).encode()

    @property
    def frames(self) -> list[bytes]:
        """The events of the correct stream."""
        return list(self.dialect.frames(self.model, self.parts))

    @property
    def begun(self) -> list[bytes]:
        """The events of a stream that is cut off: all of them up to its second piece."""
        frames, said = self.frames, self.parts[:_BEFORE]
        mark = json.dumps(said[-1]).encode() if said else b""
        return frames[: 1 + next(at for at, frame in enumerate(frames) if mark in frame)]

    @property
    def kind(self) -> Mapping[str, str]:
        """The content type headers of the answer."""
        return _EVENTS if self.stream else {"content-type": "application/json"}

    @property
    def promise(self) -> Mapping[str, str]:
        """The headers of the complete answer, including its length."""
        return {"content-type": "application/json", "content-length": str(len(self.whole))}

    @property
    def complaint(self) -> str:
        """The message of an error; like some careless servers, it repeats the credentials."""
        names = ("authorization", "x-api-key", "api-key", "x-canary", "x-ambient")
        shown = [f"{name}: {self.request.headers[name]}" for name in names if name in self.request.headers]
        return "failing as requested; received headers: " + ", ".join(shown)

    async def head(self, headers: Mapping[str, str]) -> web.StreamResponse:
        """Send the headers of an answer."""
        response = web.StreamResponse(headers=headers)
        await response.prepare(self.request)
        return response

    async def begin(self, frames: Iterable[bytes]) -> web.StreamResponse:
        """Send the headers of a stream, and these events."""
        response = await self.head(_EVENTS)
        for frame in frames:
            await response.write(frame)
        return response
