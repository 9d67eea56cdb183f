"""Text and JSON from outside: the one decoder of events, files, services' answers and providers' bodies.

What is meant is certain, and so tolerated: a byte order mark, UTF-16 and UTF-32, a declared charset, and halves of
characters, which are joined or become U+FFFD. What would change a value without notice is refused: NaN, Infinity, and
numbers beyond a 64-bit float. Integers of up to 4300 digits keep their value. What was repaired is noted.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, NoReturn

from pydantic import JsonValue
from pydantic_core import from_json

_MARK = "\ufeff"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, with whose mark it begins
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Text in these may be valid UTF-8 by chance, so a declaration of them counts first. Others only count if UTF-8 fails:
#: many servers declare a default that they do not use.
_UNLIKE_UTF8 = ("utf-7", "utf-16", "utf-32", "utf7", "utf16", "utf32", "iso-2022", "iso2022", "hz")
#: Python's codecs that are no charsets; some take the square of the length.
_NO_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape"})
#: How deep JSON may be nested, as in pydantic's parser.
_DEEPEST = 200
#: So many characters of a number are exact in any case.
_EXACT = 15
#: How many characters of a number or a key are shown, and how many notes are kept.
_SHOWN, _NOTES = 40, 20
_HALF = re.compile(r"\\u[dD]")
#: What is wrong with a text that has more than one value.
FOLLOWS = "something follows after its end"
#: What the parser says, and what is to be done about it.
_HINTS = {
    "EOF while parsing": "it ends too early",
    "expected ident": "a text needs double quotes",
    "expected value": "a value is missing, or a text without its double quotes",
    "key must be a string": "a name needs double quotes",
    "trailing characters": FOLLOWS,
    "trailing comma": "a comma has nothing after it",
    "expected `,` or": "a comma or a closing bracket is missing",
    "expected `:`": "a colon is missing after a name",
    "control character": "a text has a line break or a tab in it: write \\n or \\t",
    "invalid escape": "a text has a \\ in it that is no escape: write \\\\",
}
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class NotText(ValueError):
    """Bytes are not text in the charset that they should be in."""


class NotJson(ValueError):
    """A text is not valid JSON, or has a number that cannot be kept."""


@dataclass(frozen=True, slots=True)
class ParsedJson:
    """The value in a JSON text, that text as it was, and a sentence for each thing in it that was changed."""

    value: JsonValue
    text: str
    notes: tuple[str, ...] = ()


def decode(data: bytes, charset: str | None = None, *, errors: Literal["strict", "replace"] = "strict") -> str:
    """Return the text in `data`, without a byte order mark; `charset` is what was declared.

    A byte order mark counts first, then UTF-8, then the declaration.

    Raises:
        NotText: it is not text; with `errors="replace"`, U+FFFD stands for what cannot be read instead.
    """
    try:
        return join_halves(_decode(data, charset))
    except NotText:
        if errors == "strict":
            raise
        return data.decode("utf-8", "replace").lstrip(_MARK)


def parse_json(data: bytes | str, charset: str | None = None, *, deep: bool = False) -> ParsedJson:
    """Return the JSON in `data`. Of a key that is there twice, the last value counts.

    Raises:
        NotText: it is not text.
        NotJson: it is not valid JSON, is nested more than 200 deep (unless it may be `deep`), or has a number that
            cannot be kept.
    """
    text = data.lstrip(_MARK) if isinstance(data, str) else _decode(data, charset or wide_encoding(data))
    text = text.rstrip("\0")  # programs in C end a text so
    notes = _Notes()
    try:
        value = notes.load(text)
        if _HALF.search(text) or not _is_whole(text):
            value = _joined(value, notes)
    except RecursionError:
        raise NotJson(f"it is nested more than {_DEEPEST} deep") from None
    except NotJson:
        raise
    except ValueError:
        raise NotJson(_complaint(text)) from None
    if not deep and text.count("[") + text.count("{") > _DEEPEST:
        _require_shallow(json.dumps(value) if notes.sentences else text)
    return ParsedJson(value, text, tuple(notes.sentences))


def join_halves(text: str) -> str:
    """Return `text` with surrogate pairs joined, and U+FFFD for a half without its other."""
    return text if _is_whole(text) else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def wide_encoding(data: bytes) -> str | None:
    """Return the encoding of JSON that begins with `data` if it is UTF-16 or UTF-32, with or without a mark."""
    if (marked := _marked(data)) or b"\0" not in data[:4]:
        return None if marked == "utf-8" else marked
    return json.detect_encoding(data)


@dataclass(slots=True)
class _Notes:
    """Reads JSON, and keeps a sentence for each thing that other readers pass over."""

    sentences: list[str] = field(default_factory=list)

    def load(self, text: str) -> JsonValue:
        value: JsonValue = json.loads(
            text, parse_float=self._float, parse_constant=_constant, object_pairs_hook=self._object
        )
        return value

    def add(self, sentence: str) -> None:
        if len(self.sentences) < _NOTES and sentence not in self.sentences:
            self.sentences.append(sentence)

    def _object(self, pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
        made = dict(pairs)
        if len(made) < len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    self.add(f"the key {key[:_SHOWN]!a} is there twice; its last value counts")
                seen.add(key)
        return made

    def _float(self, digits: str) -> float:
        value = float(digits)
        if math.isinf(value) or (value == 0 and re.search("[1-9]", digits.lower().partition("e")[0])):
            raise NotJson(f"the number {_short(digits)} is beyond a 64-bit float; send it as a string")
        if len(digits) > _EXACT and Decimal(digits) != Decimal(repr(value)):
            self.add(f"the number {_short(digits)} is rounded to {value!r}; send it as a string to keep all its digits")
        return value


def _decode(data: bytes, charset: str | None) -> str:
    """Return the text in `data`; it may have halves of characters."""
    problem = "not UTF-8"
    for name in _candidates(data, charset):
        try:
            return data.decode(name).lstrip(_MARK)
        except UnicodeDecodeError as error:
            problem = f"not {error.encoding.upper()}: {error.reason} at byte {error.start}"
        except (LookupError, UnicodeError):  # there is no such charset
            continue
    try:
        return data.decode("utf-8", "surrogatepass").lstrip(_MARK)  # as Java and JavaScript may write pairs
    except UnicodeDecodeError:
        raise NotText(problem) from None


def _candidates(data: bytes, charset: str | None) -> Sequence[str]:
    if marked := _marked(data):
        return [marked]
    declared = (charset or "utf-8").strip("\"' ").lower()
    if declared.replace("-", "_") in _NO_CHARSETS:
        return ["utf-8"]
    return [declared, "utf-8"] if declared.startswith(_UNLIKE_UTF8) else ["utf-8", declared]


def _marked(data: bytes) -> str | None:
    return next((name for mark, name in _MARKS if data.startswith(mark)), None)


def _is_whole(text: str) -> bool:
    """Whether a text has no half of a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _joined(value: JsonValue, notes: _Notes) -> JsonValue:
    written = json.dumps(value, ensure_ascii=False)
    joined = join_halves(written)
    if joined.count(_REPLACEMENT) > written.count(_REPLACEMENT):
        notes.add("half of a character (a lone surrogate) is replaced by U+FFFD")
    found: JsonValue = value if joined == written else json.loads(joined)
    return found


def _require_shallow(text: str) -> None:
    try:
        from_json(join_halves(text))
    except ValueError as error:
        if "recursion" in str(error):
            raise NotJson(f"it is nested more than {_DEEPEST} deep") from None


def _short(digits: str) -> str:
    return digits if len(digits) <= _SHOWN else f"{digits[:_SHOWN]}…"


def _constant(name: str) -> NoReturn:
    raise NotJson(f"{name} is not valid JSON; send null, or a string")


def _complaint(text: str) -> str:
    """Return what is wrong with a text, and where: pydantic's parser tells more than the other."""
    try:
        from_json(join_halves(text))
    except ValueError as error:
        said, at, place = str(error).rpartition(" at line ")
        hint = next((hint for beginning, hint in _HINTS.items() if said.startswith(beginning)), said)
        return f"{hint} at {place.removeprefix('1 ')}" if at and "\n" not in text.rstrip() else f"{hint}{at}{place}"
    return "a number has too many digits; send it as a string"
