"""Answers of whole sentences: the grammar that a small model is held to, and what is kept of one that was cut off.

A sentence is a run of text on one line that begins with no small letter and ends with `.`, `!` or `?`, and with the
quotes and brackets that close there. A dot that no space follows, as in `docs/delivery.md`, ends none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_END = re.compile(r"[.!?][\"'`)*\]]{0,3}(?= |$)")
#: GBNF, of llama.cpp. No line break, so no list and no heading; no `|`, which is of tables and of chat templates.
_GRAMMAR = r"""root ::= sentence {more}
sentence ::= [^a-z \t\n\r.!?|,;:#] part* [.!?] [\"'`)*\]]{{0,3}}
part ::= [^.!?\n\r|] | [.!?] [^ \n\r.!?|\"'`)*\]]
"""


def grammar(count: int) -> str:
    """Return the grammar, in GBNF, of an answer of one to `count` sentences."""
    return _GRAMMAR.format(more=f'(" " sentence){{0,{count - 1}}}' if count > 1 else "")


def sentences(text: str) -> Iterator[str]:
    """Yield the whole sentences of `text`; what stands behind the last of them is left out."""
    start = 0
    for end in _END.finditer(text):
        yield text[start : end.end()].strip()
        start = end.end()


def unrepeated(text: str) -> str:
    """Return the whole sentences of `text` up to the first that has been said before; empty if there is none."""
    said: dict[str, str] = {}
    for sentence in sentences(text):
        if (key := _key(sentence)) in said:
            break
        said[key] = sentence
    return " ".join(said.values())


def _key(sentence: str) -> str:
    return " ".join(re.findall(r"\w+", sentence.casefold()))
