from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.cancellation import Interrupted
from app.errors import InvalidEvent, Unavailable
from app.model_calls.stream_publisher import StreamPublisher
from app.models.outcome import Piece
from tests.agents.deps import received
from tests.delivery.fakes import Producer, outbox, settle, until
from topics import RESULT_CHUNKS
from topics.model_requests import Message, ModelRequest
from topics.model_responses import ModelResponse
from topics.result_chunks import ResultChunk

REQUEST = ModelRequest(
    id="t/say/m/1", task_id="t", step="say", branch="m", model="m", messages=(Message(role="user", content="why?"),)
)


def _chunks(producer: Producer) -> StreamPublisher:
    return StreamPublisher(received(REQUEST), "n", outbox(producer))


def _sent(producer: Producer) -> list[ResultChunk]:
    return [ResultChunk.model_validate_json(record.value or b"") for record in producer.on(RESULT_CHUNKS)]


def _text(text: str, attempt: int = 1, base: int = 0) -> Piece:
    return Piece(attempt, base, text=text)


async def test_that_the_first_piece_goes_at_once_and_the_next_ones_together_with_the_end() -> None:
    producer = Producer()
    async with _chunks(producer) as chunks:
        await chunks.take(_text("one "))
        await settle()
        assert [chunk.text for chunk in _sent(producer)] == ["one "]
        for word in ("two ", "three ", "four"):
            await chunks.take(_text(word))
        await settle()
        assert len(_sent(producer)) == 1
        await chunks.take(Piece(1, 0, end=True, finish_reason="stop"))
        first, last = _sent(producer)
    assert (first.stream, first.index, first.end) == ("t/say/m/1#n.1", 0, False)
    assert (last.stream, last.index, last.text, last.end, last.finish_reason) == (
        "t/say/m/1#n.1",
        1,
        "two three four",
        True,
        "stop",
    )
    assert (last.task_id, last.step, last.branch, last.model, last.request_id) == ("t", "say", "m", "m", "t/say/m/1")


async def test_that_a_piece_goes_though_no_other_follows() -> None:
    producer = Producer()
    async with _chunks(producer) as chunks:
        await chunks.take(_text("one "))
        await settle()
        await chunks.take(_text("two"))
        await until(lambda: len(_sent(producer)) == 2)


async def test_that_much_text_is_not_kept_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.model_calls.stream_publisher._PAUSE", 1000.0)
    producer = Producer()
    async with _chunks(producer) as chunks:
        await chunks.take(_text("one "))
        await settle()
        await chunks.take(_text("a" * 2047))
        await settle()
        assert len(_sent(producer)) == 1
        await chunks.take(_text("a"))
        await until(lambda: len(_sent(producer)) == 2)


async def test_that_another_attempt_is_another_stream_from_its_base_on() -> None:
    producer = Producer()
    async with _chunks(producer) as chunks:
        await chunks.take(_text("half"))
        await chunks.take(Piece(1, 0, end=True, error=Unavailable("gone", provider="p")))
        await chunks.take(_text(" whole", 2, 4))
        await chunks.take(Piece(2, 4, end=True, finish_reason="stop"))
    shown = [(chunk.stream[-1], chunk.index, chunk.base, chunk.text, chunk.end) for chunk in _sent(producer)]
    assert shown == [("1", 0, 0, "half", True), ("2", 0, 4, " whole", True)]
    error = _sent(producer)[0].error
    assert error
    assert error.code == "unavailable"


async def test_that_reasoning_and_text_are_separate() -> None:
    producer = Producer()
    async with _chunks(producer) as chunks:
        for piece in (Piece(1, 0, "reasoning", "so"), Piece(1, 0, "reasoning", " far"), _text("Yes")):
            await chunks.take(piece)
        await chunks.take(Piece(1, 0, end=True))
    assert [(chunk.kind, chunk.text) for chunk in _sent(producer)] == [("reasoning", "so far"), ("text", "Yes")]
    assert len({record.partition for record in producer.on(RESULT_CHUNKS)}) == 1


async def test_that_nothing_comes_after_the_end() -> None:
    producer = Producer()
    async with _chunks(producer) as chunks:
        await chunks.take(Piece(1, 0, text="all", end=True))
        await chunks.take(_text(" and more"))
        await settle()
    assert [chunk.text for chunk in _sent(producer)] == ["all"]


async def test_that_a_slow_broker_holds_the_model_up_only_when_much_is_waiting() -> None:
    producer = Producer()
    producer.hold = lambda _record: True
    async with _chunks(producer) as chunks:
        await chunks.take(_text("one "))
        await settle()
        for _ in range(64):
            await chunks.take(_text("a" * 1024))
        more = asyncio.create_task(chunks.take(_text("a")))
        await settle()
        assert not more.done()
        producer.let_go()
        await more
        await chunks.take(Piece(1, 0, end=True))
    assert "".join(chunk.text for chunk in _sent(producer)) == "one " + "a" * 65_537


async def test_that_the_end_waits_until_all_is_acknowledged() -> None:
    producer = Producer()
    producer.hold = lambda _record: True
    async with _chunks(producer) as chunks:
        ending = asyncio.create_task(chunks.take(Piece(1, 0, text="all", end=True)))
        await settle()
        assert not ending.done()
        producer.let_go()
        await ending


async def test_that_what_cannot_be_sent_is_told() -> None:
    async with _chunks(Producer()) as chunks:
        await chunks.take(_text("\ud83d"))
        with pytest.raises(InvalidEvent):
            await chunks.take(Piece(1, 0, end=True))


async def test_that_a_call_that_is_abandoned_leaves_nothing_running() -> None:
    before, producer = asyncio.all_tasks(), Producer()
    producer.hold = lambda _record: True
    with pytest.raises(RuntimeError, match="given up"):
        await _given_up(producer)
    assert asyncio.all_tasks() == before


async def _given_up(producer: Producer) -> None:
    async with _chunks(producer) as chunks:
        await chunks.take(_text("one"))
        await settle()
        raise RuntimeError("given up")


async def test_that_an_answer_that_was_there_before_is_one_piece() -> None:
    producer = Producer()
    await _chunks(producer).whole(
        ModelResponse(id="i", task_id="t", step="say", branch="m", model="m", text="Yes", finish_reason="stop")
    )
    (chunk,) = _sent(producer)
    assert (chunk.index, chunk.text, chunk.end, chunk.finish_reason) == (0, "Yes", True, "stop")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["text", "reasoning"]), st.text(max_size=3000), st.booleans()), max_size=20))
def test_that_in_whatever_rhythm_pieces_come_the_messages_are_in_order(pieces: list[Any]) -> None:
    _run(lambda: _checked(pieces))


def _run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


async def _checked(pieces: list[Any]) -> None:
    producer = Producer()
    async with _chunks(producer) as chunks:
        for kind, text, rest in pieces:
            await chunks.take(Piece(1, 0, kind, text))
            if rest:
                await settle()
        await chunks.take(Piece(1, 0, end=True))
    sent = _sent(producer)
    assert [chunk.index for chunk in sent] == list(range(len(sent)))
    assert [chunk.end for chunk in sent] == [False] * (len(sent) - 1) + [True]
    for kind in ("text", "reasoning"):
        said = "".join(chunk.text for chunk in sent if chunk.kind == kind)
        assert said == "".join(text for one, text, _ in pieces if one == kind)


async def test_that_an_attempt_that_outlives_the_call_is_not_kept_waiting() -> None:
    producer = Producer()
    producer.hold = lambda _record: True
    async with _chunks(producer) as chunks:
        late = asyncio.create_task(chunks.take(Piece(1, 0, text="late", end=True)))
        await settle()
    await asyncio.wait_for(late, 1)
    await asyncio.wait_for(chunks.take(Piece(2, 0, end=True)), 1)
    assert len(producer.on(RESULT_CHUNKS)) <= 1


async def test_that_sending_that_is_broken_off_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with _chunks(Producer()) as chunks, asyncio.timeout(5):

        async def broken(*_: Any) -> None:
            raise asyncio.CancelledError

        monkeypatch.setattr(chunks._outbox, "publish", broken)
        await chunks.take(_text("one"))
        with pytest.raises(Interrupted):
            await chunks.take(Piece(1, 0, end=True))
