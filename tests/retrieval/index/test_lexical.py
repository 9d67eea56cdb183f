from __future__ import annotations

import sys

import bm25s
import numpy as np
import pytest

from app.errors import MissingDependency
from app.retrieval.index import lexical
from app.retrieval.index.lexical import LexicalIndex, require_dependencies, stems
from app.retrieval.index.ranking import top_ranked

TEXTS = [
    "Set commit_interval to commit offsets less often.",
    "The worker retries a failed call with a growing delay.",
    "Retrying is pointless when the request itself is wrong.",
    "設定を変える",
]


def rank(texts: list[str], query: str, count: int = 9, *, of_segments: int = 1) -> list[int]:
    """Return the positions of the texts that share a word with the query, best first; of several indexes over them."""
    size = -(-len(texts) // of_segments) or 1
    parts = [texts[begin : begin + size] for begin in range(0, len(texts), size)] or [[]]
    scores = lexical.scores([LexicalIndex(part) for part in parts], query)
    return [position for position in top_ranked(scores, count) if scores[position] > 0]


def test_stems_unite_the_forms_of_a_word() -> None:
    assert stems(["Retries and retrying the retry"]) == [["retri", "retri", "retri"]]


def test_texts_with_the_words_come_first_and_others_not_at_all() -> None:
    assert rank(TEXTS, "when do workers retry?", 9) == [1, 2]


def test_part_of_an_identifier_finds_it() -> None:
    assert rank(TEXTS, "interval", 9) == [0]


def test_scripts_without_spaces_are_found() -> None:
    assert rank(TEXTS, "設定", 9) == [3]


def test_no_more_than_asked() -> None:
    assert len(rank(["same word"] * 5, "word", 2)) == 2


def test_a_word_finds_its_spelling_with_accents_too_but_its_own_first() -> None:
    texts = ["the café", "a resume", "a résumé", "the cafe", "a thé"]
    assert rank(texts, "cafe", 9) == [3, 0]
    assert rank(texts, "résumé", 9) == [2, 1]
    assert rank(texts[:1], "CAFE\u0301", 9) == rank(texts[:1], "cafe", 9) == [0]


def test_a_rare_spelling_does_not_outweigh_a_common_one() -> None:
    texts = ["ma con", *(f"ma {number}" for number in range(50)), "má con"]
    assert rank(texts, "ma con", 2) == [0, 51]


def test_a_word_and_its_parts_around_an_apostrophe_are_found() -> None:
    texts = ["L’hôpital de Paris", "Ms O'Brien", "Hawaiʻi"]
    for query, expected in (("hopital", [0]), ("obrien", [1]), ("Hawaii", [2]), ("o’brien", [1])):
        assert rank(texts, query, 9) == expected


@pytest.mark.parametrize("query", ["", "the of and", "?!", "zebra"])
def test_a_query_without_known_words_finds_nothing(query: str) -> None:
    assert rank(TEXTS, query, 9) == []


@pytest.mark.parametrize("texts", [[], [""], ["?!", "the"]])
def test_texts_without_words_are_never_found(texts: list[str]) -> None:
    assert rank(texts, "word", 9) == []


@pytest.mark.parametrize("module", ["bm25s", "Stemmer"])
def test_a_missing_package_is_named_with_its_remedy(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependency, match=r'pip install "meta-ai-orchestrator\[local\]"'):
        require_dependencies()


def test_words_are_as_rare_as_in_all_segments_together() -> None:
    texts = ["apple pie", "pear pie", "plum pie", "pear tart", "ripe apple", "pear pie"]
    for query in ("pear pie", "apple tart", "plum", "apple pie tart"):
        assert rank(texts, query, of_segments=3) == rank(texts, query), query


def test_scores_are_those_of_bm25s_for_a_query_of_length_1() -> None:
    texts = [*TEXTS[:3], "Set, set and set again: the worker sets a delay.", "nothing of it"]
    query = "worker delay interval set"
    oracle = bm25s.BM25(method="lucene")
    oracle.index(stems(texts), show_progress=False)
    wanted = oracle.get_scores(stems([query])[0])
    found = lexical.scores([LexicalIndex(texts)], query)
    assert found / found.max() == pytest.approx(wanted / wanted.max(), abs=1e-5)
    assert lexical.scores([LexicalIndex(["delay", "worker"])], "delay delay")[0] == pytest.approx(1 / 2.5)


def test_merged_indexes_score_as_one_over_the_texts_that_are_kept() -> None:
    parts = [["the café", "gone", "a worker"], ["gone too", "the cafe", "設定を"]]
    kept = [np.array([True, False, True]), np.array([False, True, True])]
    merged = LexicalIndex.merged([LexicalIndex(part) for part in parts], kept)
    whole = LexicalIndex(["the café", "a worker", "the cafe", "設定を"])
    for query in ("cafe", "café worker", "設定", "gone"):
        assert lexical.scores([merged], query) == pytest.approx(lexical.scores([whole], query))
