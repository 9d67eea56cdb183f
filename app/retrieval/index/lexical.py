"""Lexical search: find texts by the words that they share with a query."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from app.errors import MissingDependency
from app.retrieval.index.ranking import top_ranked
from app.retrieval.tokenizer import tokenize

_INSTALL = 'pip install "meta-ai-orchestrator[local]"'


def require_dependencies() -> tuple[Any, Any]:
    """Return the modules `bm25s` and `Stemmer`.

    Raises:
        MissingDependency: one is not installed.
    """
    try:
        import bm25s  # noqa: PLC0415  # optional
        import Stemmer  # noqa: PLC0415  # optional
    except ImportError as error:
        raise MissingDependency(_INSTALL) from error
    # It sets its own log level to DEBUG when imported, whatever the application has set.
    logging.getLogger("bm25s").setLevel(logging.WARNING)
    return bm25s, Stemmer


def stems(texts: Sequence[str]) -> list[list[str]]:
    """Return the English stems of each text's terms, without stop words.

    Words of other languages pass through, shortened at worst.
    """
    bm25s, stemmer_module = require_dependencies()
    common = frozenset(bm25s.stopwords.STOPWORDS_EN_PLUS)
    stemmer = stemmer_module.Stemmer("english")  # one for each call: it is not safe to share between threads
    return [stemmer.stemWords([term for term in tokenize(text) if term not in common]) for text in texts]


class LexicalIndex:
    """An immutable BM25 index over `texts`; any thread may read it.

    The scores are Lucene's variant (k1 = 1.5, b = 0.75), computed when indexing as bm25s does.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        bm25s, _ = require_dependencies()
        corpus = stems(texts)
        self._index: Any = None
        if any(corpus):
            self._index = bm25s.BM25(method="lucene")
            self._index.index(corpus, show_progress=False)

    def rank(self, query: str, count: int) -> list[int]:
        """Return the positions of up to `count` texts that share a word with `query`, best first."""
        words = stems([query])[0]
        if self._index is None or not words:
            return []
        scores = self._index.get_scores(words)
        return [position for position in top_ranked(scores, count) if scores[position] > 0]
