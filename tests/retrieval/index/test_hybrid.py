from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from app.retrieval.base import SearchScope
from app.retrieval.index import hybrid, lexical
from app.retrieval.index.chunk_table import ChunkRow, DocumentEntry
from app.retrieval.index.ranking import Fusion
from app.retrieval.index.segment import Segment
from app.vectors import Vector
from topics.chunks import DocumentChunks
from topics.retrieval_results import Chunk


def vector(*numbers: float) -> Vector:
    return np.array(numbers, dtype=np.float32)


def row(text: str, *numbers: float, heading: str = "") -> ChunkRow:
    chunk = Chunk(id=text, document_id="d", source="d", heading=heading, lines=(1, 1), text=text)
    return ChunkRow(chunk, vector(*numbers))


def segment(rows: list[ChunkRow], *roles: str) -> Segment:
    """Return a segment of documents with one row each, for some roles if they are given."""
    head = DocumentChunks(document_id="d", version="1", allowed_roles=roles or None)
    return Segment([DocumentEntry(head, {0: (one,)}) for one in rows])


def search(
    segments: list[Segment],
    query: str,
    *numbers: float,
    limit: int = 9,
    understood: bool = True,
    fusion: Fusion = hybrid.DEFAULT,
) -> list[Chunk]:
    asked, scope = vector(*numbers), SearchScope()
    return hybrid.search(segments, query, asked, limit=limit, scope=scope, understood=understood, fusion=fusion)


def found(rows: list[ChunkRow], query: str, *numbers: float, limit: int = 9) -> list[str]:
    return [chunk.text for chunk in search([segment(rows)], query, *numbers, limit=limit)]


ROWS = [row("apple pie", 1, 0), row("pear tart", 0.9, 0.1), row("car engine", 0, 1)]


def test_without_a_shared_word_meaning_decides() -> None:
    assert found(ROWS, "dessert", 1, 0) == ["apple pie", "pear tart", "car engine"]


def test_without_a_difference_in_meaning_words_decide() -> None:
    assert found(ROWS, "engine", 0.7, 0.7, limit=1) == ["car engine"]


def test_both_together_beat_either() -> None:
    rows = [row("same words", 0.5, 0.5), row("other text", 1, 0), row("same meaning, same words", 0.9, 0.1)]
    assert found(rows, "same meaning", 1, 0)[0] == "same meaning, same words"


def test_the_heading_is_searched_too() -> None:
    assert found([row("x", 1, 0), row("y", 0.9, 0.1, heading="Guide > Backups")], "backup", 1, 0)[0] == "y"


def test_the_score_is_that_of_the_fusion() -> None:
    (by_ranks, *_) = search([segment(ROWS)], "apple", 1, 0, limit=3, fusion=Fusion("reciprocal-rank"))
    assert by_ranks.score == pytest.approx(2 / 61)
    for weight, most in ((1.0, 1.0), (0.0, float(lexical.scores([segment(ROWS).lexical], "apple").max()))):
        assert search([segment(ROWS)], "apple", 1, 0, fusion=Fusion("convex", weight))[0].score == pytest.approx(most)


def test_a_score_does_not_depend_on_what_else_is_found() -> None:
    other = [row("an apple and another apple", 0.8, 0.2), *ROWS]
    alone, beside = (
        {chunk.text: chunk.score for chunk in search([segment(rows)], "dessert", 1, 0)} for rows in (ROWS, other)
    )
    assert alone.items() <= beside.items()


@pytest.mark.parametrize("method", ["convex", "reciprocal-rank"])
def test_the_best_come_first_whatever_the_fusion(method: Literal["convex", "reciprocal-rank"]) -> None:
    found = search([segment(ROWS)], "apple tart", 1, 0, fusion=Fusion(method))
    assert [chunk.text for chunk in found] == ["apple pie", "pear tart", "car engine"]
    assert [chunk.score for chunk in found] == sorted((chunk.score for chunk in found), reverse=True)


def test_the_length_of_a_vector_does_not_matter() -> None:
    assert found([row("long", 0, 100), row("right", 0.01, 0)], "q", 1, 0)[0] == "right"


def test_a_vector_of_length_zero_is_far_from_everything() -> None:
    assert found([row("zero", 0, 0), row("near", 1, 0)], "q", 1, 0) == ["near", "zero"]


def test_no_more_than_asked() -> None:
    assert len(found(ROWS, "apple", 1, 0, limit=2)) == 2


def test_what_is_equal_by_meaning_is_in_the_order_of_words() -> None:
    rows = [row("ma mà con", 1, 0), row("tre con", 1, 0.00001), row("con ma", 1, 0)]
    assert found(rows, "ma con", 1, 0) == ["con ma", "ma mà con", "tre con"]


def test_the_same_score_is_in_the_order_of_words() -> None:
    rows = [row("near one", 1, 0), row("far one word", 0.9, 0.1)]
    assert found(rows, "one word", 1, 0) == ["far one word", "near one"]


def test_a_query_that_is_not_understood_finds_words_before_meaning() -> None:
    rows = [row("a", 1, 0), row("b", 0.9, 0.1), row("c word", 0, 1), row("d rather long word", 0.1, 1)]
    chunks = search([segment(rows)], "word", 1, 0, limit=3, understood=False)
    assert [chunk.text for chunk in chunks] == ["c word", "d rather long word", "a"]
    assert [chunk.score for chunk in chunks] == sorted((chunk.score for chunk in chunks), reverse=True)


def test_the_header_of_a_table_is_searched_too() -> None:
    chunk = Chunk(id="t", document_id="d", source="d", header="| no | surname |", lines=(1, 1), text="| 1 | Ada |")
    rows = [row("x", 1, 0), ChunkRow(chunk, vector(0.9, 0.1))]
    assert found(rows, "surname", 1, 0)[0] == "| 1 | Ada |"


def test_several_segments_are_ranked_as_one() -> None:
    rows = [*ROWS, row("apple tart", 0.8, 0.2), row("pear pie", 0.7, 0.3)]
    for query in ("apple", "pear tart", "pie", "nothing"):
        whole = search([segment(rows)], query, 1, 0)
        assert search([segment(rows[:2]), segment(rows[2:])], query, 1, 0) == whole


def test_what_is_not_admitted_takes_no_place_in_either_ranking() -> None:
    near = [row(f"apple pie {number}", 1, 0) for number in range(hybrid.DEPTH + 1)]
    open_ = segment([row("apple", 0, 1), row("tart", 0.1, 1)])
    alone = search([open_], "apple", 1, 0)
    hidden = search([segment(near, "hr"), open_], "apple", 1, 0)
    assert [(chunk.text, chunk.score) for chunk in hidden] == [(chunk.text, chunk.score) for chunk in alone]
