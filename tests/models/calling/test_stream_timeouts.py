from __future__ import annotations

import asyncio

import pytest

from app.models.calling.stream_timeouts import StreamTimeouts
from tests.models.virtual_time import now, run


def _ends_after(
    whole: float, first: float | None, *pieces: float, between: float = 2.0, work: float = 0.0, most: float = 1000.0
) -> float:
    """Return after how long a block is ended in which pieces come after such pauses, each worked on for a while."""

    async def block() -> float:
        started = now()
        try:
            async with StreamTimeouts(whole, first, most=most) as patience:
                for pause in pieces:
                    await asyncio.sleep(pause)
                    patience.pause()
                    await asyncio.sleep(work)
                    patience.allow(between)
                await asyncio.sleep(1000)
        except TimeoutError:
            return now() - started
        return -1.0

    return run(block())


def test_the_whole_time_ends_it() -> None:
    assert _ends_after(10.0, None) == pytest.approx(10)
    assert _ends_after(10.0, 30.0) == pytest.approx(10)


def test_silence_before_the_first_piece_ends_it() -> None:
    assert _ends_after(10.0, 3.0) == pytest.approx(3)


def test_silence_between_two_pieces_ends_it() -> None:
    assert _ends_after(100.0, 3.0, 2.5, 1.5, 1.5) == pytest.approx(5.5 + 2)


def test_a_shorter_silence_than_the_first_counts_at_once() -> None:
    assert _ends_after(100.0, 30.0, 1.0) == pytest.approx(1 + 2)


def test_what_is_done_with_a_piece_counts_neither_as_silence_nor_for_the_whole() -> None:
    assert _ends_after(100.0, 3.0, 1.0, 1.0, work=20.0) == pytest.approx(42 + 2)
    assert _ends_after(30.0, 3.0, 1.0, 1.0, work=20.0) == pytest.approx(42 + 2)
    assert _ends_after(3.0, 3.0, 1.0, 1.0, work=20.0) == pytest.approx(40 + 3)


def test_but_there_is_an_end_to_it() -> None:
    assert _ends_after(10.0, 3.0, 1.0, 1.0, work=20.0, most=30.0) == pytest.approx(30)
    assert _ends_after(10.0, 3.0, 1.0, 1.0, 1.0, work=20.0, most=42.5) == pytest.approx(42.5)


def test_it_tells_what_has_run_out() -> None:
    async def silence(whole: float, first: float) -> float | None:
        patience = StreamTimeouts(whole, first)
        with pytest.raises(TimeoutError):
            async with patience:
                await asyncio.sleep(1000)
        return patience.silence

    assert run(silence(10.0, 3.0)) == 3.0
    assert run(silence(3.0, 10.0)) is None


def test_a_block_that_ends_in_time_ends_well_and_cancellation_is_no_timeout() -> None:
    async def scenario() -> None:
        async with StreamTimeouts(10.0, 3.0):
            await asyncio.sleep(2)

        async def endless() -> None:
            async with StreamTimeouts(10.0, 3.0):
                await asyncio.sleep(1000)

        task = asyncio.create_task(endless())
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(scenario())
