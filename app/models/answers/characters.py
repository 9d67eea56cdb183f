"""Text whose characters may arrive in halves: as two escapes of UTF-16, or as single bytes of UTF-8."""

from __future__ import annotations

import codecs
import re

#: Halves that cannot be bytes: `surrogateescape` decodes a stray byte to U+DC80 … U+DCFF.
_HALF = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_REPLACEMENT = "\ufffd"
_FIRST_HALVES = ("\ud800", "\udbff")


class Characters:
    """Joins halves of characters across pieces of a text; those without their other half become U+FFFD.

    The pieces were decoded with `surrogateescape`. What `add` returns can be encoded in UTF-8.
    """

    def __init__(self) -> None:
        self.repaired = False
        self._half = ""
        self._bytes = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = False

    def add(self, piece: str) -> str:
        """Return what is complete: all of `piece`, unless it ends amid a character."""
        if not self._pending and _is_whole(piece):
            return piece
        self.repaired = True
        text = (self._half + piece).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        self._half = text[-1:] if _FIRST_HALVES[0] <= text[-1:] <= _FIRST_HALVES[1] else ""
        found = self._decode(text.removesuffix(self._half))
        self._pending = bool(self._half or self._bytes.getstate()[0])
        return found

    def close(self) -> str:
        """Return what stands for a half that is left."""
        half, self._half, self._pending = self._half, "", False
        return self._decode(half, final=True)

    def _decode(self, text: str, *, final: bool = False) -> str:
        return self._bytes.decode(_HALF.sub(_REPLACEMENT, text).encode("utf-8", "surrogateescape"), final)


def whole_characters(text: str) -> str:
    """Return a text by itself with its halves joined or replaced."""
    characters = Characters()
    return characters.add(text) + characters.close()


def _is_whole(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
