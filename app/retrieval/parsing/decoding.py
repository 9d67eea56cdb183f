"""Text in whatever encoding: found by its byte order mark, as UTF-8, or by what the bytes look like."""

from __future__ import annotations

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from collections.abc import Sequence
from contextlib import suppress

_MARKS: Sequence[tuple[bytes, str]] = (
    (BOM_UTF8, "utf-8-sig"),
    (BOM_UTF32_LE, "utf-32"),  # begins as the mark of UTF-16, so it is looked for first
    (BOM_UTF32_BE, "utf-32"),
    (BOM_UTF16_LE, "utf-16"),
    (BOM_UTF16_BE, "utf-16"),
)
#: What is looked at to find an encoding; reading more takes longer, and tells no more.
_SAMPLE = 256 * 1024


#: Where HTML says its encoding.
_DECLARED = re.compile(rb"<meta[^>]{1,200}charset\s*=\s*[\"']?\s*([\w-]{2,40})", re.IGNORECASE)
_HEAD = 2048
_FOREIGN = re.compile(rb"[\x80-\xff]+")
#: Letters with accents stand alone or in pairs among others; Cyrillic or Chinese words are long runs of such bytes.
_LONGEST_MEAN = 2.0
_LATIN = ("cp1252", "cp1250", "cp1254", "cp1257")


def decode(data: bytes, declared: str | None = None) -> str:
    """Return the text of `data`, with U+FFFD for each character that cannot be read.

    `declared` is the encoding that whoever sent it names; it counts unless a byte order mark says another.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace").removeprefix("\ufeff")
    named = _DECLARED.search(data, 0, _HEAD)
    if said := declared or (named and named[1].decode()):
        with suppress(LookupError):
            return data.decode(said, errors="replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        # What is nearly all UTF-8 is damaged, and not in another encoding, in which every byte would mean something.
        return data.decode("utf-8" if _damaged(data) else _guess(data), errors="replace")


def _damaged(data: bytes) -> bool:
    """Return whether this is UTF-8 in which a few bytes are wrong."""
    text = data.decode(errors="replace")
    good = sum(1 for one in text if one > "\x7f" and one != "\ufffd")
    return good >= text.count("\ufffd")


def _guess(data: bytes) -> str:
    from charset_normalizer import from_bytes  # noqa: PLC0415  # only the parser's own process needs it

    sample = data[:_SAMPLE]
    runs = _FOREIGN.findall(sample)
    latin = sum(map(len, runs)) <= _LONGEST_MEAN * len(runs)
    best = from_bytes(sample, cp_isolation=list(_LATIN) if latin else None).best()
    return best.encoding if best else "cp1252"
