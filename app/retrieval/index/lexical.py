"""Lexical search: find texts by the words that they share with a query."""

from __future__ import annotations

import logging
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from app.errors import MissingDependency
from app.retrieval.tokenizer import tokenize, unmarked

Scores = npt.NDArray[np.float32]

#: What a word counts that is the same only without its accents, beside one that is the same.
_UNMARKED = 0.5
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
    return [_stemmed(words) for words in _words(texts)]


def _words(texts: Sequence[str]) -> list[list[str]]:
    bm25s, _ = require_dependencies()
    common = frozenset(bm25s.stopwords.STOPWORDS_EN_PLUS)
    return [[term for term in tokenize(text) if term not in common] for text in texts]


def _stemmed(words: Sequence[str]) -> list[str]:
    _, stemmer = require_dependencies()
    found: list[str] = stemmer.Stemmer("english").stemWords(words)  # it is not safe to share between threads
    return found


class LexicalIndex:
    """An immutable BM25 index over `texts`; any thread may read it.

    The scores are Lucene's variant (k1 = 1.5, b = 0.75), computed when indexing as bm25s does. A word also finds words
    that differ from it only in marks which people leave out (see `unmarked`), but they count half. `texts_with` is
    the number of texts that each stem is in.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        bm25s, _ = require_dependencies()
        words = _words(texts)
        corpus = [_stemmed(one) for one in words]
        self._index: Any = None
        self.size = len(corpus)
        self.texts_with = Counter(stem for one in corpus for stem in set(one))
        self._spellings = _spellings({word for one in words for word in one if not word.isascii()})
        if any(corpus):
            self._index = bm25s.BM25(method="lucene")
            self._index.index(corpus, show_progress=False)

    def scores(self, words: Sequence[str], rarity: Callable[[str], float]) -> Iterator[Scores]:
        """Yield scores whose sum is that of `words`, each of shape (texts,), where stems have this `rarity`."""
        plain = _stemmed([unmarked(word) for word in words])
        for stem, other in zip(_stemmed(words), plain, strict=True):
            spellings = {one for one in (other, *self._spellings.get(other, ())) if one in self.texts_with}
            if spellings - {stem}:
                yield self._best(stem, spellings - {stem}, rarity)
            elif stem in self.texts_with:
                yield self._weighted(stem, rarity)

    def _best(self, word: str, others: Collection[str], rarity: Callable[[str], float]) -> Scores:
        """Return the scores of `word`, or of another spelling where that is higher although it counts less."""
        weights = dict.fromkeys(others, _UNMARKED)
        if word in self.texts_with:  # a rare spelling must not outweigh what was asked for
            weights = {other: _UNMARKED * min(1.0, rarity(word) / rarity(other)) for other in others}
            weights[word] = 1.0
        scores = [weight * self._weighted(one, rarity) for one, weight in weights.items()]
        best: Scores = np.maximum.reduce(scores)
        return best

    def _weighted(self, stem: str, rarity: Callable[[str], float]) -> Scores:
        """Return the scores of a stem of the texts, which were made with its rarity in these texts."""
        scores: Scores = self._index.get_scores([stem])
        weight = rarity(stem) / _rarity(self.size, self.texts_with[stem])
        return scores if weight == 1 else scores * np.float32(weight)


def scores(indexes: Sequence[LexicalIndex], query: str) -> Scores:
    """Return the scores of all texts of `indexes`, one after the other, as if all were in one index.

    The rarities of the query's words are a vector of length 1, as its embedding is: so the scores of a long and of a
    short query have the same scale. Only the average length of texts is that of their own index.
    """
    size = sum(index.size for index in indexes)

    def rarity(stem: str) -> float:
        return _rarity(size, sum(index.texts_with[stem] for index in indexes))

    words = _words([query])[0]
    length = math.hypot(*(count * rarity(stem) for stem, count in Counter(_stemmed(words)).items()))
    found: Scores = np.concatenate(
        [sum(index.scores(words, rarity), start=np.zeros(index.size, dtype=np.float32)) for index in indexes]
    )
    return found / np.float32(length or 1)


def _rarity(size: int, texts: int) -> float:
    """Return the inverse document frequency of a stem in so many `texts` of `size`, as Lucene does."""
    return math.log(1 + (size - texts + 0.5) / (texts + 0.5))


def _spellings(words: Collection[str]) -> dict[str, set[str]]:
    """Return the stems of `words` by the stem that each has without its marks."""
    found: dict[str, set[str]] = defaultdict(set)
    ordered = sorted(words)
    for stem, plain in zip(_stemmed(ordered), _stemmed([unmarked(word) for word in ordered]), strict=True):
        if stem != plain:
            found[plain].add(stem)
    return found
