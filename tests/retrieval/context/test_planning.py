from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.retrieval.context.planning import ContextPlan, plan_context
from app.retrieval.context.token_bound import token_bound
from topics.retrieval_results import Chunk

DOCUMENT = " ".join(
    f"Sentence {number} is about {word} and nothing else!" for number, word in enumerate("abcdefghijklmnop")
)


def chunk(name: str, text: str, score: float = 0.5, *, span: tuple[int, int] | None = None, **more: object) -> Chunk:
    fields = {"id": name, "document_id": "d", "source": "d.md", "lines": (1, 1), "text": text, "score": score}
    return Chunk.model_validate({**fields, "span": span, "section": 1, **more})


def cost(plan: ContextPlan) -> int:
    return sum(
        8 + token_bound(one.heading) + token_bound(one.header or "") + token_bound(one.text) for one in plan.chunks
    )


def outcomes(plan: ContextPlan) -> dict[str, str]:
    return {one.id: one.outcome for one in plan.decisions or ()}


@st.composite
def found(draw: st.DrawFn) -> list[Chunk]:
    """Draw pieces of one document, best first: neighbours, overlapping ones and repetitions among them."""
    chunks = []
    for number in range(draw(st.integers(0, 8))):
        start = draw(st.integers(0, len(DOCUMENT) - 2))
        end = draw(st.integers(start + 1, min(len(DOCUMENT), start + 200)))
        known = draw(st.booleans())
        chunks.append(
            chunk(
                str(number),
                DOCUMENT[start:end],
                1 - number / 10,
                span=(start, end) if known else None,
                position=start,
                heading=draw(st.sampled_from(["", "Guide > Part"])),
            )
        )
    return chunks


@settings(deadline=None)
@given(found(), st.integers(1, 400))
def test_the_plan_is_never_above_the_budget_and_tells_of_every_chunk(chunks: list[Chunk], budget: int) -> None:
    plan = plan_context(chunks, budget)
    assert cost(plan) <= budget
    assert [one.id for one in plan.decisions or ()] == [one.id for one in chunks]
    assert sum(one.tokens for one in plan.decisions or ()) == cost(plan)
    assert plan == plan_context(chunks, budget)


@settings(deadline=None)
@given(found(), st.integers(1, 400))
def test_what_is_kept_is_verbatim_and_says_where_it_is(chunks: list[Chunk], budget: int) -> None:
    for one in plan_context(chunks, budget).chunks:
        assert one.text in DOCUMENT
        if one.span:
            assert DOCUMENT[slice(*one.span)].startswith(one.text)
        assert one.source == "d.md"


@settings(deadline=None)
@given(found(), st.integers(1, 300), st.integers(0, 100))
def test_a_larger_budget_loses_nothing(chunks: list[Chunk], budget: int, more: int) -> None:
    def used(plan: ContextPlan) -> set[str]:
        return {name for name, outcome in outcomes(plan).items() if outcome in {"kept", "cut", "merged"}}

    assert used(plan_context(chunks, budget)) <= used(plan_context(chunks, budget + more))


def test_a_repetition_is_left_out() -> None:
    text = "The worker keeps its index in memory and saves it every ten seconds."
    plan = plan_context([chunk("a", text), chunk("b", f"Also: {text.upper()}"), chunk("c", "Something else.")], 200)
    assert outcomes(plan) == {"a": "kept", "b": "repeated", "c": "kept"}


def test_the_first_that_does_not_fit_is_cut_at_a_sentence_and_the_rest_left_out() -> None:
    text = "One short sentence. " + "Then a much longer one that goes on and on without end. " * 3
    plan = plan_context([chunk("a", text), chunk("b", "Tiny.")], 20)
    assert outcomes(plan) == {"a": "cut", "b": "no_room"}
    assert [one.text for one in plan.chunks] == ["One short sentence."]


def test_neighbours_become_one_chunk_with_what_they_share_only_once() -> None:
    first, second = (0, 91), (45, 140)
    chunks = [
        chunk("b", DOCUMENT[45:140], 0.9, span=second, position=1, lines=(2, 3)),
        chunk("a", DOCUMENT[:91], 0.4, span=first, position=0),
    ]
    plan = plan_context(chunks, 400)
    (one,) = plan.chunks
    assert (one.text, one.lines, one.span, one.score) == (DOCUMENT[:140], (1, 3), (0, 140), 0.9)
    assert outcomes(plan) == {"b": "merged", "a": "kept"}


def test_the_best_are_first_and_last() -> None:
    chunks = [chunk(name, f"About {name * 4}.", 1 - number / 10) for number, name in enumerate("abcde")]
    assert [one.id for one in plan_context(chunks, 400).chunks] == ["a", "c", "e", "d", "b"]


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("word", 1), ("internationalisation", 5), ("a1, 2\n", 5), ("設定", 2), ("🙂", 2)]
)
def test_the_bound_counts_letters_by_fours_and_all_else_alone(text: str, tokens: int) -> None:
    assert token_bound(text) == tokens
