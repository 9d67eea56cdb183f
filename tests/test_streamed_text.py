from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from app.streamed_text import StreamedText
from topics.base import Failure
from topics.result_chunks import ResultChunk

CUT = Failure(code="unavailable", message="cut off")


def _chunk(stream: str, index: int, text: str = "", *, base: int = 0, **fields: object) -> ResultChunk:
    request = stream.partition("#")[0]
    given = {"task_id": "t", "step": "say", "branch": "m", "model": "m", "request_id": request, "stream": stream}
    return ResultChunk.model_validate({**given, "index": index, "text": text, "base": base, **fields})


def _assembled(*chunks: ResultChunk) -> StreamedText:
    found = StreamedText()
    for chunk in chunks:
        found.add(chunk)
    return found


def test_that_nothing_stands_before_the_first_piece() -> None:
    assert (StreamedText().text, StreamedText().ended) == ("", False)


def test_that_pieces_are_appended_and_reasoning_is_not_text() -> None:
    found = _assembled(
        _chunk("r#n.1", 0, "hm", kind="reasoning"), _chunk("r#n.1", 1, "one "), _chunk("r#n.1", 2, "two")
    )
    assert (found.text, found.ended) == ("one two", False)
    found.add(_chunk("r#n.1", 3, end=True))
    assert (found.text, found.ended) == ("one two", True)


def test_that_a_repetition_changes_nothing_and_a_gap_is_not_jumped_over() -> None:
    found = _assembled(_chunk("r#n.1", 0, "one "), _chunk("r#n.1", 0, "one "), _chunk("r#n.1", 2, "three"))
    assert found.text == "one "
    found.add(_chunk("r#n.1", 1, "two "))
    assert found.text == "one two three"


def test_that_another_attempt_goes_on_or_starts_over() -> None:
    cut = (_chunk("r#n.1", 0, "one t"), _chunk("r#n.1", 1, end=True, error=CUT))
    assert not _assembled(*cut).ended
    assert _assembled(*cut, _chunk("r#n.2", 0, "wo", base=5)).text == "one two"
    assert _assembled(*cut, _chunk("r#n.2", 0, "two", base=0)).text == "two"


def test_that_a_worker_that_has_lost_the_request_is_not_listened_to() -> None:
    found = _assembled(
        _chunk("r#old.1", 0, "one "),
        _chunk("r#new.1", 0, "uno "),
        _chunk("r#old.1", 1, "two"),
        _chunk("r#old.2", 0, "x"),
    )
    assert found.text == "uno "
    found.add(_chunk("r#new.2", 0, "due", base=4))
    assert found.text == "uno due"


def test_that_what_lies_behind_a_missing_piece_of_an_earlier_attempt_is_not_shown() -> None:
    assert _assembled(_chunk("r#n.1", 1, "two "), _chunk("r#n.2", 0, "three", base=8)).text == ""


# --- whatever happens --------------------------------------------------------------------------------------


@dataclass
class _History:
    """What a step's calls have sent, in the order of the log, and what stands in the end."""

    log: list[ResultChunk] = field(default_factory=list)
    said: str = ""


@st.composite
def _histories(draw: st.DrawFn) -> _History:
    """Return requests one after the other, each called once, or again by another worker while the first goes on."""
    history = _History()
    for number in range(draw(st.integers(1, 3))):
        prefix = history.said if draw(st.booleans()) else ""
        calls: list[list[ResultChunk]] = []
        for nonce in "ab"[: draw(st.integers(1, 2))]:
            chunks, history.said = draw(_calls(f"r{number}#{nonce}", prefix))
            calls.append(chunks)
        history.log += draw(_merged(calls))
    return history


@st.composite
def _calls(draw: st.DrawFn, call: str, said: str) -> tuple[list[ResultChunk], str]:
    """Return what the attempts of a call send, and what stands after them, of which `said` stood before."""
    chunks: list[ResultChunk] = []
    continues = draw(st.booleans()) or bool(said)
    for attempt in range(1, draw(st.integers(1, 3)) + 1):
        base = len(said) if continues else 0
        texts = draw(st.lists(st.text("abcé🙂", max_size=3), max_size=4))
        stream = f"{call}.{attempt}"
        chunks += [_chunk(stream, index, text, base=base) for index, text in enumerate(texts)]
        chunks.append(_chunk(stream, len(texts), base=base, end=True))
        said = said[:base] + "".join(texts)
    return chunks, said


@st.composite
def _merged(draw: st.DrawFn, calls: Sequence[list[ResultChunk]]) -> list[ResultChunk]:
    """Return the chunks of calls that go on at the same time, and that began in this order."""
    left = [list(chunks) for chunks in calls]
    merged = [left[0].pop(0)]
    begun = 1
    while any(left):
        able = [place for place, chunks in enumerate(left) if chunks and place <= begun]
        place = draw(st.sampled_from(able)) if able else 0
        begun = max(begun, place + 1)
        merged.append(left[place].pop(0))
    return merged


@st.composite
def _repeated(draw: st.DrawFn, log: list[ResultChunk]) -> list[ResultChunk]:
    """Return the log as an unlucky reader gets it: the pieces of each stream in any order, and some again later."""
    places: dict[str, list[int]] = {}
    for place, chunk in enumerate(log):
        places.setdefault(chunk.stream, []).append(place)
    mixed = list(log)
    for mine in places.values():
        for place, source in zip(mine, draw(st.permutations(mine)), strict=True):
            mixed[place] = log[source]
    for _ in range(draw(st.integers(0, 4))):
        source = draw(st.integers(0, len(mixed) - 1))
        mixed.insert(draw(st.integers(source + 1, len(mixed))), mixed[source])
    return mixed


@settings(max_examples=300, deadline=None)
@given(history=_histories(), data=st.data())
def test_that_whatever_happens_the_readers_text_is_the_answer(history: _History, data: st.DataObject) -> None:
    assert _assembled(*data.draw(_repeated(history.log))).text == history.said
