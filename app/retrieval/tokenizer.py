"""The tokenizer of lexical retrieval."""

from __future__ import annotations

import re

from app.normalization import compatible
from app.retrieval.chunking.document_text import UNSPACED

_TERM = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+")


def tokenize(text: str) -> list[str]:
    """Return the terms of `text` in order: letters and digits, case folded; `commit_interval` is two terms.

    Each character is a term in a script that has no spaces between words.
    """
    return _TERM.findall(compatible(text).casefold())
