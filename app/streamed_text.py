"""Reading `result-chunks`: what stands of an answer while it is being made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from topics.result_chunks import ResultChunk


@dataclass(slots=True)
class _Stream:
    """One attempt of a call: its pieces by index, and the attempt on whose text it stands."""

    request: str
    base: int
    before: _Stream | None
    pieces: dict[int, ResultChunk] = field(default_factory=dict)

    def in_order(self) -> Iterator[ResultChunk]:
        """Yield the pieces up to the first one that is missing."""
        for index in count():
            if (piece := self.pieces.get(index)) is None:
                return
            yield piece

    def lineage(self) -> list[_Stream]:
        """Return the attempts of which each stands on the one before, this one as the last."""
        line: list[_Stream] = []
        stream: _Stream | None = self
        while stream is not None:
            line.append(stream)
            stream = stream.before if stream.base else None
        return line[::-1]


class StreamedText:
    """The answer of one step of one task, put together of its pieces.

    The pieces of a stream may come in any order, and any number of times; of streams only the order matters in which
    they begin. Two workers may for a moment be at the same request, one of which has lost it: the call that began
    last counts.
    """

    def __init__(self) -> None:
        self._streams: dict[str, _Stream] = {}
        self._calls: dict[str, _Stream] = {}  # each with its last attempt

    def add(self, chunk: ResultChunk) -> None:
        """Take a piece in."""
        stream = self._streams.get(chunk.stream) or self._begin(chunk)
        stream.pieces.setdefault(chunk.index, chunk)

    @property
    def text(self) -> str:
        """What stands now; it ends before a piece that is missing."""
        text = ""
        for stream in self._current.lineage() if self._current else ():
            if len(text) < stream.base:
                break
            text = text[: stream.base] + "".join(one.text for one in stream.in_order() if one.kind == "text")
        return text

    @property
    def ended(self) -> bool:
        """Whether the answer has come to its end; one that was cut off has not."""
        return self._current is not None and any(one.end and not one.error for one in self._current.in_order())

    @property
    def _current(self) -> _Stream | None:
        return next(reversed(self._calls.values()), None)

    def _begin(self, chunk: ResultChunk) -> _Stream:
        call = chunk.stream.rpartition(".")[0]
        before = self._calls.get(call) or self._of_another_request(chunk.request_id)
        stream = _Stream(chunk.request_id, chunk.base, before)
        self._streams[chunk.stream] = self._calls[call] = stream
        return stream

    def _of_another_request(self, request_id: str) -> _Stream | None:
        return next((one for one in reversed(self._calls.values()) if one.request != request_id), None)
