from __future__ import annotations

from dataclasses import replace

import pytest

from app.errors import Unavailable
from app.models.base import Delta
from app.models.calling.stream_merge import SinkFailed, StreamMerge
from app.models.outcome import Piece
from tests.models.calling.streams import Reader


async def test_only_the_first_that_says_something_is_heard() -> None:
    reader = Reader()
    merge = StreamMerge(reader.take, 3)
    assert await merge.write(2, Delta("a", reasoning="hm"))
    assert not await merge.write(1, Delta("b"))
    await merge.end(merge.last(1))
    await merge.end(merge.last(2))
    assert reader.pieces == [Piece(2, 3, "reasoning", "hm"), Piece(2, 3, "text", "a"), Piece(2, 3, end=True)]


async def test_an_attempt_that_says_nothing_still_ends() -> None:
    reader = Reader()
    merge = StreamMerge(reader.take, 0)
    await merge.end(merge.last(1))
    assert [piece.end for piece in reader.pieces] == [True]


async def test_what_the_sink_raises_is_told_from_what_a_model_raises() -> None:
    merge = StreamMerge(Reader(error=KeyError("mine")).take, 0)
    with pytest.raises(SinkFailed) as raised:
        await merge.write(1, Delta("a"))
    assert isinstance(raised.value.__cause__, KeyError)


async def test_when_one_is_cut_off_another_is_heard_of_which_nothing_was_missed() -> None:
    reader = Reader()
    merge = StreamMerge(reader.take, 0)
    await merge.write(1, Delta("a"))
    assert not await merge.write(2, Delta("missed"))
    await merge.end(replace(merge.last(1), error=Unavailable("gone")))
    assert not await merge.write(2, Delta("b"))
    await merge.end(merge.last(2))
    assert await merge.write(3, Delta("c"))
    await merge.end(merge.last(3))
    assert [(piece.attempt, piece.text, piece.end) for piece in reader.pieces] == [
        (1, "a", False),
        (1, "", True),
        (3, "c", False),
        (3, "", True),
    ]
