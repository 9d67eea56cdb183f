from __future__ import annotations

import asyncio
from collections import deque

import numpy as np
import pytest

from app.errors import RetrievalError
from app.retrieval.embedding.batch_queue import (
    EmbedRequest,
    active_requests,
    distribute_rows,
    is_shared,
    next_batch,
    split_by_caller,
)


def asked(*texts: str) -> EmbedRequest:
    rows = np.zeros((len(texts), 1), dtype=np.float32)
    return EmbedRequest(texts, rows, asyncio.get_running_loop().create_future())


def rows(*numbers: float) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.array([[number] for number in numbers], dtype=np.float32)


async def test_that_each_caller_has_a_text_in_turn() -> None:
    waiting = deque([asked(*"abcdef"), asked("x"), asked("y", "z")])
    assert list(next_batch(waiting, 4)) == ["a", "x", "y", "b"]
    assert list(next_batch(waiting, 4)) == ["z", "c", "d", "e"]
    assert list(next_batch(waiting, 4)) == ["f"]
    assert not waiting
    assert next_batch(waiting, 4) == {}


async def test_that_an_equal_text_takes_no_room() -> None:
    first, second = asked("a", "b", "a"), asked("b", "a")
    waiting = deque([first, second])
    batch = next_batch(waiting, 2)
    assert list(batch) == ["a", "b"]
    assert not waiting
    distribute_rows(batch, rows(1, 2))
    assert first.rows.tolist() == [[1], [2], [1]]
    assert second.rows.tolist() == [[2], [1]]
    assert first.done.done()
    assert second.done.done()


async def test_that_a_caller_is_done_with_its_last_row_only() -> None:
    caller = asked("a", "b")
    waiting = deque([caller])
    distribute_rows(next_batch(waiting, 1), rows(1))
    assert not caller.done.done()
    distribute_rows(next_batch(waiting, 1), rows(2))
    assert caller.done.done()


async def test_that_who_has_gone_is_not_asked_for() -> None:
    gone, there = asked("a"), asked("b")
    gone.done.cancel()
    waiting = deque([gone, there, gone])
    assert list(next_batch(waiting, 1)) == ["b"]
    assert not waiting


async def test_that_who_has_gone_is_handed_nothing_and_told_nothing() -> None:
    gone, there = asked("a"), asked("a")
    batch = next_batch(deque([gone, there]), 8)
    gone.done.cancel()
    assert active_requests([batch]) == {there}
    distribute_rows(batch, rows(1))
    gone.fail(RetrievalError("planted"))
    assert gone.done.cancelled()
    assert there.rows.tolist() == [[1]]


async def test_that_shares_are_what_each_wants() -> None:
    first, second, gone = asked("a", "b", "a"), asked("b", "c"), asked("d")
    batch = next_batch(deque([first, second, gone]), 8)
    gone.done.cancel()
    assert is_shared(batch)
    found = split_by_caller(batch)
    assert [list(share) for share in found] == [["a", "b"], ["b", "c"]]
    distribute_rows(found[0], rows(1, 2))
    assert first.rows.tolist() == [[1], [2], [1]]
    assert not second.done.done()
    distribute_rows(found[1], rows(3, 4))
    assert second.rows.tolist() == [[3], [4]]


async def test_that_a_batch_of_one_caller_is_not_shared() -> None:
    assert not is_shared(next_batch(deque([asked("a", "b")]), 8))


async def test_that_rows_and_texts_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="shorter"):
        distribute_rows(next_batch(deque([asked("a", "b")]), 8), rows(1))
