from __future__ import annotations

import asyncio

import pytest

from app.errors import MissingDependency
from app.model_calls.embedding import embedding
from tests.agents.deps import Embedder, Hanging


async def test_that_it_is_the_vector_of_the_text() -> None:
    vector = await embedding("four", Embedder(), of="t/1")
    assert vector is not None
    assert vector.tolist() == [4.0, 1.0]


@pytest.mark.parametrize("error", [RuntimeError("planted"), MissingDependency("planted"), asyncio.CancelledError()])
async def test_that_a_failure_is_none_and_a_line_that_does_not_say_what_the_text_is(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    embedder = Embedder()
    embedder.error = error
    assert await embedding("planted", embedder, of="t/1") is None
    assert caplog.messages == [f"no embedding for t/1: {type(error).__name__}"]


async def test_that_it_waits_no_longer_than_it_is_told() -> None:
    assert await asyncio.wait_for(embedding("x", Hanging(), of="t/1", patience=0.01), 5) is None


async def test_that_whoever_cancels_it_cancels_it() -> None:
    asking = asyncio.create_task(embedding("x", Hanging(), of="t/1"))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
