"""Split text with `${{ expression }}` in it."""

from __future__ import annotations

from collections.abc import Iterator

from app.errors import ConfigurationError
from app.expressions.lexer import tokenize

OPENING = "${{"


def split_template(text: str, *, where: str) -> Iterator[tuple[str, bool]]:
    """Yield the parts of `text` in order, and whether each is the source of an expression.

    `$${{` is a plain `${{`.

    Raises:
        ConfigurationError: an expression is not closed.
    """
    place, plain = 0, ""
    while (start := text.find(OPENING, place)) >= 0:
        if text[start - 1 : start] == "$":
            plain += text[place : start - 1] + OPENING
            place = start + len(OPENING)
            continue
        if plain := plain + text[place:start]:
            yield plain, False
        end = _closing(text, start + len(OPENING), where)
        yield text[start + len(OPENING) : end].strip(), True
        place, plain = end + 2, ""
    if plain := plain + text[place:]:
        yield plain, False


def _closing(text: str, start: int, where: str) -> int:
    """Return where the `}}` stands that closes the expression, rather than two maps in it."""
    depth = 0
    for token in tokenize(text, start):
        depth += (token.text == "{") - (token.text == "}")
        if depth < 0 and text.startswith("}}", token.start):
            return token.start
        if depth < 0:
            break
    raise ConfigurationError(f"{where}: `{OPENING}` is not closed by `}}}}`; write ${OPENING} for a plain `{OPENING}`")
