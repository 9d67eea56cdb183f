"""Texts as hashes, for databases that would change a text, or read it as a part of a query."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

#: How often a term is repeated at most.
_REPEATED = 10


def hashed(text: str) -> str:
    """Return a text as 24 letters of a-f and digits."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def hashed_words(words: Mapping[str, float]) -> str:
    """Return terms as a text of words that any tokenizer leaves as they are, each about as often as it weighs."""
    repeated = ((term, max(1, min(round(weight), _REPEATED))) for term, weight in words.items())
    return " ".join(f"w{hashed(term)}" for term, times in repeated for _ in range(times))
