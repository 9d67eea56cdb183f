"""What of an answer a client has been shown: it grows, and cannot be taken back."""

from __future__ import annotations

from app.streamed_text import StreamedText
from topics.result_chunks import ResultChunk


class LiveText:
    """Puts pieces together, and says what is new; an answer that starts over is shown again from where it differs.

    As long as the pieces of an attempt come in order, as they nearly always do, nothing is looked at twice.
    """

    def __init__(self) -> None:
        self._assembled = StreamedText()
        self._shown: list[str] = []
        self._length = 0  # of what is shown
        self._begun: set[str] = set()
        #: The attempt of the last piece, the index of its next one (-1 if some came out of order), and its length.
        self._stream, self._next, self._reached = "", 0, 0
        #: Whether what is shown is the text of this attempt, or can never be the beginning of it.
        self._level = self._differs = False

    def add(self, piece: ResultChunk) -> str:
        """Take a piece in, and return the text that is new."""
        if piece.stream == self._stream and piece.index < self._next:
            return ""
        self._assembled.add(piece)
        new = piece.text if piece.kind == "text" else ""
        if piece.stream == self._stream and piece.index == self._next:
            self._next += 1
            self._reached += len(new)
            return self._go_on(new)
        text = self._assembled.text
        in_order = piece.index == 0 and piece.stream not in self._begun and len(text) == piece.base + len(new)
        self._begun.add(piece.stream)
        self._stream, self._next, self._reached = piece.stream, 1 if in_order else -1, len(text)
        self._level = self._differs = False
        return self._grow(text)

    def finish(self, text: str) -> str | None:
        """Return what is missing of the final text, or None if what was shown is not its beginning."""
        shown = "".join(self._shown)
        if text.startswith(shown):
            return text[len(shown) :]
        return "" if shown.startswith(text) and not shown[len(text) :].strip() else None

    def _go_on(self, new: str) -> str:
        if self._level:
            return self._show(new)
        behind = self._reached < self._length  # an attempt that started over has not come as far as what is shown
        return "" if behind or self._differs else self._grow(self._assembled.text)

    def _grow(self, text: str) -> str:
        shown = "".join(self._shown)
        if text.startswith(shown):
            self._level = self._next >= 0
            return self._show(text[len(shown) :])
        self._differs = len(text) >= len(shown)
        return ""

    def _show(self, new: str) -> str:
        if new:
            self._shown.append(new)
            self._length += len(new)
        return new
