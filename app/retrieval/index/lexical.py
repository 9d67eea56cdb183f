"""Lexical search: find texts by the words that they share with a query."""

from __future__ import annotations

import logging
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from app.errors import MissingDependency
from app.retrieval.index.metadata_index import Mask
from app.retrieval.tokenizer import tokenize, unmarked

Scores = npt.NDArray[np.float32]
Lengths = npt.NDArray[np.int32]

#: What a word counts that is the same only without its accents, beside one that is the same.
_UNMARKED = 0.5
#: How fast repetitions of a word count less, and how much long texts do: Lucene's names, and bm25s' values.
_K1, _B = 1.5, 0.75
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


class _Postings(NamedTuple):
    """Which term is in which text, and how often: three columns."""

    term: npt.NDArray[np.integer]
    text: npt.NDArray[np.integer]
    counts: npt.NDArray[np.integer]


class LexicalIndex:
    """An immutable BM25 index over texts; any thread may read it, and several can be merged without their texts.

    For each stem, it has the texts with it and how often it is in them. What depends on all texts, such as how rare a
    stem is, is computed when a query asks. A word also finds words that differ from it only in marks which people
    leave out (see `unmarked`), but they count half.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        words = _words(texts)
        corpus = [_stemmed(one) for one in words]
        vocabulary: dict[str, int] = {}
        terms = [vocabulary.setdefault(stem, len(vocabulary)) for one in corpus for stem in one]
        lengths = np.array([len(one) for one in corpus], dtype=np.int32)
        keys = np.array(terms, dtype=np.int64) * max(1, len(corpus)) + np.repeat(np.arange(len(corpus)), lengths)
        found, counts = np.unique(keys, return_counts=True)
        term, text = np.divmod(found, max(1, len(corpus)))
        spellings = _spellings({word for one in words for word in one if not word.isascii()})
        self._fill(vocabulary, _Postings(term, text, counts), lengths, spellings)

    @classmethod
    def merged(cls, indexes: Sequence[LexicalIndex], kept: Sequence[Mask]) -> Self:
        """Return an index over the `kept` texts of `indexes`, one after the other."""
        stems = dict.fromkeys(stem for index in indexes for stem in index._vocabulary)  # noqa: SLF001  # its own class
        vocabulary = dict(zip(stems, range(len(stems)), strict=True))
        postings: list[_Postings] = []
        begin = 0
        for index, mask in zip(indexes, kept, strict=True):
            places = np.fromiter(map(vocabulary.__getitem__, index._vocabulary), np.int64)  # noqa: SLF001  # likewise
            postings.append(index._kept(mask, places, begin))  # noqa: SLF001  # likewise
            begin += int(np.count_nonzero(mask))
        term, text, counts = (np.concatenate(column) for column in zip(*postings, strict=True))
        order = np.lexsort((text, term))
        spellings: defaultdict[str, set[str]] = defaultdict(set)
        for index in indexes:
            for plain, others in index._spellings.items():  # noqa: SLF001  # likewise
                spellings[plain] |= others
        lengths = np.concatenate([index._lengths[mask] for index, mask in zip(indexes, kept, strict=True)])  # noqa: SLF001  # likewise
        twin = cls.__new__(cls)
        twin._fill(vocabulary, _Postings(term[order], text[order], counts[order]), lengths, spellings)  # noqa: SLF001
        return twin

    def _fill(
        self, vocabulary: dict[str, int], postings: _Postings, lengths: Lengths, spellings: Mapping[str, set[str]]
    ) -> None:
        """Keep postings, which are in the order of their terms."""
        self._vocabulary = vocabulary
        self._begins = np.searchsorted(postings.term, np.arange(len(vocabulary) + 1))
        self._texts = postings.text.astype(np.int32)
        self._counts = np.minimum(postings.counts, np.iinfo(np.uint16).max).astype(np.uint16)
        self._lengths = lengths
        self._spellings = spellings

    def _kept(self, mask: Mask, places: npt.NDArray[np.int64], begin: int) -> _Postings:
        """Return the postings of the texts in `mask`, by other places of terms, and with texts counted from `begin`."""
        term = np.repeat(places, np.diff(self._begins))
        kept = mask[self._texts]
        text = begin + np.cumsum(mask) - 1
        return _Postings(term[kept], text[self._texts[kept]], self._counts[kept])

    def texts_with(self, stem: str, mask: Mask) -> int:
        """Return how many of the texts in `mask` have a stem."""
        place = self._vocabulary.get(stem)
        return 0 if place is None else int(np.count_nonzero(mask[self._texts[self._of(place)]]))

    @property
    def size(self) -> int:
        """How many texts there are."""
        return len(self._lengths)

    def everything(self) -> Mask:
        """Return a mask of all texts."""
        return np.ones(self.size, dtype=np.bool_)

    def length(self, mask: Mask) -> int:
        """Return the length of the texts in `mask` together, in terms."""
        return int(self._lengths[mask].sum())

    def add(self, scores: Scores, words: Sequence[str], rarity: Callable[[str], float | None], average: float) -> None:
        """Add to `scores`, of shape (texts,), what `words` score, where texts are so long and stems so rare.

        Of a stem that no text has, in no index, the rarity is None.
        """
        plain = _stemmed([unmarked(word) for word in words])
        for stem, other in zip(_stemmed(words), plain, strict=True):
            weights: dict[str, float] = {}
            own = rarity(stem)
            for one in {other, *self._spellings.get(other, ())} - {stem}:
                if one in self._vocabulary and (
                    rare := rarity(one)
                ):  # a rare spelling must not outweigh what was asked for
                    weights[one] = _UNMARKED * min(rare, own or rare)
            if own and stem in self._vocabulary:
                weights[stem] = own
            found = [self._scored(one, weight, average) for one, weight in weights.items()]
            if len(found) == 1:
                scores[found[0][0]] += found[0][1]
            elif found:
                scores += _best(found, len(scores))

    def _scored(self, stem: str, weight: float, average: float) -> tuple[npt.NDArray[np.int32], Scores]:
        """Return the texts with a stem, and their scores for it."""
        of = self._of(self._vocabulary[stem])
        texts, counts = self._texts[of], self._counts[of].astype(np.float32)
        norms = np.float32(_K1 * (1 - _B)) + np.float32(_K1 * _B / average) * self._lengths[texts]
        return texts, np.float32(weight) * counts / (counts + norms)

    def _of(self, place: int) -> slice:
        return slice(self._begins[place], self._begins[place + 1])


def scores(indexes: Sequence[LexicalIndex], query: str, masks: Sequence[Mask] | None = None) -> Scores:
    """Return the BM25 scores of all texts of `indexes`, one after the other, as if all were in one index.

    Only texts in `masks` count for how rare words are, and how long texts. The variant is Lucene's, with k1 = 1.5 and
    b = 0.75. The rarities of the query's words are a vector of length 1, as its embedding is: so the scores of a long
    and of a short query have the same scale.
    """
    masks = masks or [index.everything() for index in indexes]
    size = sum(int(np.count_nonzero(mask)) for mask in masks)
    average = sum(index.length(mask) for index, mask in zip(indexes, masks, strict=True)) / (size or 1) or 1.0

    @cache
    def texts_with(stem: str) -> int:
        return sum(index.texts_with(stem, mask) for index, mask in zip(indexes, masks, strict=True))

    words = _words([query])[0]
    stems = Counter(_stemmed(words))
    length = math.hypot(*(count * _rarity(size, texts_with(stem)) for stem, count in stems.items())) or 1.0

    def rarity(stem: str) -> float | None:
        texts = texts_with(stem)
        return _rarity(size, texts) / length if texts else None

    found = [np.zeros(index.size, dtype=np.float32) for index in indexes]
    for index, own in zip(indexes, found, strict=True):
        index.add(own, words, rarity, average)
    return np.concatenate(found)


def _best(found: Sequence[tuple[npt.NDArray[np.int32], Scores]], size: int) -> Scores:
    """Return the scores of a word or of its best spelling, for all texts."""
    best = np.zeros(size, dtype=np.float32)
    for texts, scores in found:
        best[texts] = np.maximum(best[texts], scores)
    return best


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
