"""What of an answer a client has been shown: it grows, and cannot be taken back."""

from __future__ import annotations

from app.streamed_text import StreamedText
from topics.result_chunks import ResultChunk


class LiveText:
    """Puts pieces together, and says what is new; an answer that starts over is shown again from where it differs."""

    def __init__(self) -> None:
        self._assembled = StreamedText()
        self._shown: list[str] = []
        self._begun: set[str] = set()
        #: The attempt of the last piece, and the index of its next one, as long as all have come in order.
        self._stream, self._next = "", 0

    def add(self, piece: ResultChunk) -> str:
        """Take a piece in, and return the text that is new."""
        if piece.stream == self._stream and piece.index < self._next:
            return ""
        self._assembled.add(piece)
        if piece.stream == self._stream and piece.index == self._next:  # as nearly always: nothing is looked at twice
            self._next += 1
            return self._show(piece.text if piece.kind == "text" else "")
        text, new = self._assembled.text, piece.text if piece.kind == "text" else ""
        in_order = piece.index == 0 and piece.stream not in self._begun and len(text) == piece.base + len(new)
        self._begun.add(piece.stream)
        self._stream, self._next = piece.stream, 1 if in_order else -1
        return self._grow(text)

    def finish(self, text: str) -> str | None:
        """Return what is missing of the final text, or None if what was shown is not its beginning."""
        shown = "".join(self._shown)
        if text.startswith(shown):
            return text[len(shown) :]
        return "" if shown.startswith(text) and not shown[len(text) :].strip() else None

    def _grow(self, text: str) -> str:
        shown = "".join(self._shown)
        if text.startswith(shown):
            return self._show(text[len(shown) :])
        self._next = -1  # shown again from where it differs: not before it has come so far
        return ""

    def _show(self, new: str) -> str:
        if new:
            self._shown.append(new)
        return new
