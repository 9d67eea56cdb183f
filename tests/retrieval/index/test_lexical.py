from __future__ import annotations

import sys

import pytest

from app.errors import MissingDependency
from app.retrieval.index.lexical import LexicalIndex, require_dependencies, stems

TEXTS = [
    "Set commit_interval to commit offsets less often.",
    "The worker retries a failed call with a growing delay.",
    "Retrying is pointless when the request itself is wrong.",
    "設定を変える",
]


def test_stems_unite_the_forms_of_a_word() -> None:
    assert stems(["Retries and retrying the retry"]) == [["retri", "retri", "retri"]]


def test_texts_with_the_words_come_first_and_others_not_at_all() -> None:
    assert LexicalIndex(TEXTS).rank("when do workers retry?", 9) == [1, 2]


def test_part_of_an_identifier_finds_it() -> None:
    assert LexicalIndex(TEXTS).rank("interval", 9) == [0]


def test_scripts_without_spaces_are_found() -> None:
    assert LexicalIndex(TEXTS).rank("設定", 9) == [3]


def test_no_more_than_asked() -> None:
    assert len(LexicalIndex(["same word"] * 5).rank("word", 2)) == 2


def test_a_word_finds_its_spelling_with_accents_too_but_its_own_first() -> None:
    texts = ["the café", "a resume", "a résumé", "the cafe", "a thé"]
    assert LexicalIndex(texts).rank("cafe", 9) == [3, 0]
    assert LexicalIndex(texts).rank("résumé", 9) == [2, 1]
    assert LexicalIndex(texts[:1]).rank("CAFE\u0301", 9) == LexicalIndex(texts[:1]).rank("cafe", 9) == [0]


def test_a_rare_spelling_does_not_outweigh_a_common_one() -> None:
    texts = ["ma con", *(f"ma {number}" for number in range(50)), "má con"]
    assert LexicalIndex(texts).rank("ma con", 2) == [0, 51]


def test_a_word_and_its_parts_around_an_apostrophe_are_found() -> None:
    texts = ["L’hôpital de Paris", "Ms O'Brien", "Hawaiʻi"]
    for query, expected in (("hopital", [0]), ("obrien", [1]), ("Hawaii", [2]), ("o’brien", [1])):
        assert LexicalIndex(texts).rank(query, 9) == expected


@pytest.mark.parametrize("query", ["", "the of and", "?!", "zebra"])
def test_a_query_without_known_words_finds_nothing(query: str) -> None:
    assert LexicalIndex(TEXTS).rank(query, 9) == []


@pytest.mark.parametrize("texts", [[], [""], ["?!", "the"]])
def test_texts_without_words_are_never_found(texts: list[str]) -> None:
    assert LexicalIndex(texts).rank("word", 9) == []


@pytest.mark.parametrize("module", ["bm25s", "Stemmer"])
def test_a_missing_package_is_named_with_its_remedy(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependency, match=r'pip install "meta-ai-orchestrator\[local\]"'):
        require_dependencies()
