"""JSON out of the text of a model or a person: where it is in the text; `app.decoding` reads it."""

from __future__ import annotations

from pydantic import JsonValue

from app.decoding import parse_json
from app.thoughts import after_thoughts

_CLOSING = {"{": "}", "[": "]"}
_FENCE = "```"


def strict(text: str) -> JsonValue:
    """Return `text` as JSON.

    Raises:
        ValueError: it is not valid JSON, is nested more than 200 deep, or has a number that is too large.
    """
    return parse_json(text).value


def parse(text: str) -> JsonValue:
    """Return the JSON in a model's answer.

    That is the whole of it; or else what follows the thoughts that some servers leave in it; or else what the first
    code fence of that holds; or else what stands between the outermost braces or brackets, of a fence within a line if
    there is just one, or of all. Each is tried once, so that the time is in proportion to the text.

    Raises:
        ValueError: there is none.
    """
    rest = after_thoughts(text)
    for piece in (text, rest, _fenced(rest), _outermost(_only_block(rest) or rest)):
        try:
            return strict(piece)
        except ValueError:
            continue
    raise ValueError("it is not valid JSON")


def _fenced(text: str) -> str:
    """Return the lines between the first that ends with an opening fence, of JSON or of nothing, and its end."""
    lines = text.split("\n")
    opening = next((at for at, line in enumerate(lines) if _opens(line)), len(lines))
    closing = next((at for at in range(opening + 1, len(lines)) if lines[at].lstrip().startswith(_FENCE)), opening)
    return "\n".join(lines[opening + 1 : closing])


def _opens(line: str) -> bool:
    return line.rstrip().lower().endswith((_FENCE, f"{_FENCE}json"))


def _only_block(text: str) -> str:
    parts = text.split(_FENCE, 3)
    return parts[1] if len(parts) == 3 else ""  # noqa: PLR2004  # before, in, and after the block


def _outermost(text: str) -> str:
    start = min((at for at in map(text.find, _CLOSING) if at >= 0), default=len(text))
    return text[start : text.rfind(_CLOSING.get(text[start : start + 1], "")) + 1]
