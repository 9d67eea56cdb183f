"""A bound for the tokens of a text, where the tokenizer of the model that will read it is not known."""

from __future__ import annotations

import re
from math import ceil

#: A run of ASCII letters, or of white space, or one other character.
_PIECE = re.compile(r"([A-Za-z]+)|(\s+)|([0-9])|([\x00-\x7f])|([^\x00-\x7f])")
#: Letters of a token: tokenizers have most English words, and need more for names and code.
_LETTERS = 4


def token_bound(text: str) -> int:
    """Return a number of tokens that a text hardly exceeds.

    Letters count by fours, and each digit, sign and other character by itself, those beyond the Basic Multilingual
    Plane twice. Of 1,900 chunks of pages and abstracts, none had more than 0.9 of it by MiniLM's WordPiece tokenizer,
    and the median had 0.6.
    """
    tokens = 0
    for letters, space, _, _, other in _PIECE.findall(text):
        if letters:
            tokens += ceil(len(letters) / _LETTERS)
        elif space:
            tokens += space.count("\n")
        else:
            tokens += 2 if other > "\uffff" else 1
    return tokens
