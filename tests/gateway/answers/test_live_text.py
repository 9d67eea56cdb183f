from __future__ import annotations

from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.gateway.answers.live_text import LiveText
from topics.result_chunks import ResultChunk


def piece(text: str, index: int, stream: str = "r#1.1", base: int = 0, kind: str = "text") -> ResultChunk:
    fields = {"task_id": "t", "step": "s", "branch": "m", "model": "m", "request_id": stream.partition("#")[0]}
    return ResultChunk.model_validate(
        {**fields, "stream": stream, "index": index, "base": base, "text": text, "kind": kind}
    )


@given(st.lists(st.text(max_size=5), max_size=20), st.data())
def test_that_pieces_in_any_order_and_number_are_shown_once_and_in_order(texts: list[str], data: st.DataObject) -> None:
    order = data.draw(st.permutations([*range(len(texts)), *range(len(texts))]))
    live, whole, shown = LiveText(), "".join(texts), ""
    for index in order:
        shown += live.add(piece(texts[index], index))
        assert whole.startswith(shown)
    assert shown == whole
    assert live.finish(whole + "!") == "!"


@given(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=8), st.integers(0, 8))
def test_that_another_attempt_goes_on_where_one_was_cut_off(texts: list[str], cut: int) -> None:
    live, ends = LiveText(), [0, *accumulate(map(len, texts))]
    cut = min(cut, len(texts))
    shown = "".join(live.add(piece(text, index)) for index, text in enumerate(texts[:cut]))
    rest = texts[cut:]
    shown += "".join(live.add(piece(text, index, "r#1.2", ends[cut])) for index, text in enumerate(rest))
    assert shown == "".join(texts)


@given(st.lists(st.text(min_size=1, max_size=4), min_size=2, max_size=8), st.data())
def test_that_pieces_of_two_attempts_in_any_order_are_shown_once(texts: list[str], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(texts) - 1))
    base = sum(map(len, texts[:cut]))
    pieces = [piece(text, index) for index, text in enumerate(texts[:cut])]
    pieces += [piece(text, index, "r#1.2", base) for index, text in enumerate(texts[cut:])]
    # Attempts begin one after the other, as their first pieces are sent.
    first, second = pieces[0], pieces[cut]
    rest = data.draw(st.permutations([one for one in pieces if one not in (first, second)]))
    live, shown = LiveText(), ""
    for one in (first, second, *rest, *pieces):
        shown += live.add(one)
        assert "".join(texts).startswith(shown)
    assert shown == "".join(texts)


@given(st.text(min_size=1, max_size=30), st.integers(0, 30), st.lists(st.integers(1, 5), min_size=30, max_size=30))
def test_that_an_answer_that_starts_over_in_other_pieces_is_shown_once(whole: str, cut: int, sizes: list[int]) -> None:
    live = LiveText()
    shown = "".join(live.add(piece(character, index)) for index, character in enumerate(whole[:cut]))
    ends = [end for end in accumulate(sizes) if end < len(whole)] + [len(whole)]
    for index, (begin, end) in enumerate(pairwise([0, *ends])):
        shown += live.add(piece(whole[begin:end], index, "r#2.1"))
        assert shown == whole[: max(end, min(cut, len(whole)))]
    assert live.finish(whole) == ""


def test_that_what_begins_anew_is_shown_from_where_it_differs() -> None:
    live = LiveText()
    assert live.add(piece("It is ", 0)) == "It is "
    assert [live.add(piece(text, at, "r#1.2")) for at, text in enumerate(("It ", "is ", "so."))] == ["", "", "so."]
    assert live.finish("It is so.") == ""


def test_that_an_answer_that_differs_from_what_was_shown_cannot_be_finished() -> None:
    live = LiveText()
    live.add(piece("It is ", 0))
    assert live.add(piece("No", 0, "r#1.2")) == ""
    assert live.add(piece("pe.", 1, "r#1.2")) == ""
    assert live.finish("Nope.") is None


def test_that_reasoning_is_no_text_and_space_at_the_end_is_nothing() -> None:
    live = LiveText()
    assert live.add(piece("Hm", 0, kind="reasoning")) == ""
    assert live.add(piece("Yes.\n", 1)) == "Yes.\n"
    assert live.finish("Yes.") == ""
