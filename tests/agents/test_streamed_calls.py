"""A streamed call as a whole: the model, the call with its attempts, the pieces, and the reader."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from agents.call_model import handle
from app.dependencies import Dependencies
from app.models.calling.hedging import HedgePolicy
from app.settings import HedgeSettings
from app.streamed_text import StreamedText
from testkit.bounded_limiter import BoundedLimiter
from tests.agents.deps import assemble, received
from tests.delivery.fakes import Harness
from topics import RESULT_CHUNKS
from topics.model_requests import Message, ModelRequest
from topics.model_responses import ModelResponse
from topics.result_chunks import ResultChunk

REQUEST = ModelRequest(
    id="t/say/m/1",
    task_id="t",
    step="say",
    branch="m",
    model="m",
    messages=(Message(role="user", content="count"),),
    stream=True,
)
TEXT = "one two three four five"


async def _answered(deps: Dependencies, **fields: Any) -> ModelResponse:
    (response,) = (
        outgoing.event
        for outgoing in await handle(received(REQUEST.model_copy(update=fields)), deps)
        if isinstance(outgoing.event, ModelResponse)
    )
    return response


def _read(harness: Harness) -> tuple[list[ResultChunk], StreamedText]:
    chunks = [ResultChunk.model_validate_json(one.value or b"") for one in harness.producer.on(RESULT_CHUNKS)]
    assembled = StreamedText()
    for chunk in chunks:
        assembled.add(chunk)
    return chunks, assembled


async def test_that_the_readers_text_is_the_answer() -> None:
    harness = Harness()
    response = await _answered(assemble(harness, m={"default": TEXT}))
    chunks, assembled = _read(harness)
    assert (response.error, response.text, assembled.text, assembled.ended) == (None, TEXT, TEXT, True)
    assert len(chunks) < len(TEXT.split())
    assert response.first_token is not None


async def test_that_nothing_is_streamed_that_nobody_asked_to_be() -> None:
    harness = Harness()
    await _answered(assemble(harness, m={"default": TEXT}), stream=False)
    assert _read(harness)[0] == []


@pytest.mark.parametrize(("attempts", "stands"), [(1, "one two "), (2, "one two three four ")])
async def test_that_another_model_goes_on_where_one_was_cut_off(
    attempts: int, stands: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.models.calling.call._BACKOFF_BASE", 0.0)
    harness = Harness()
    deps = assemble(harness, m={"default": TEXT, "cut_after": 2, "attempts": attempts}, n={"default": TEXT})
    cut = await _answered(deps)
    assert cut.error
    assert (cut.error.code, cut.text) == ("unavailable", stands)
    assert (_read(harness)[1].text, _read(harness)[1].ended) == (stands, False)
    whole = await _answered(deps, id="t/say/n/1", branch="n", model="n", prefix=cut.text)
    assert (whole.error, whole.text) == (None, TEXT)
    assert (_read(harness)[1].text, _read(harness)[1].ended) == (TEXT, True)


async def test_that_an_answer_that_was_there_before_is_streamed_too() -> None:
    harness = Harness()
    deps = assemble(harness, m={"default": TEXT})
    await _answered(deps, cache_for=60.0, stream=False)
    again = await _answered(deps, cache_for=60.0, task_id="u", id="u/say/m/1")
    chunks, assembled = _read(harness)
    assert again.cached
    assert {chunk.task_id for chunk in chunks} == {"u"}
    assert (assembled.text, assembled.ended) == (TEXT, True)


async def test_that_a_request_that_comes_again_to_another_worker_starts_over() -> None:
    harness = Harness()
    await _answered(assemble(harness, m={"default": TEXT, "cut_after": 3}))
    response = await _answered(assemble(harness, m={"default": TEXT}))
    chunks, assembled = _read(harness)
    assert len({chunk.stream for chunk in chunks}) == 2
    assert assembled.text == response.text == TEXT


async def test_that_the_first_token_is_that_of_the_attempt_that_was_heard() -> None:
    deps = assemble(m={"default": TEXT, "delay": 0.05})
    model = deps.models["m"]
    hedged = replace(
        model, limiter=BoundedLimiter(model.model, 2), hedges=HedgePolicy(HedgeSettings(after=0.01, at_most=1.0))
    )
    response = await _answered(replace(deps, models={"m": hedged}))
    assert response.tries == 2
    assert response.first_token is not None


async def test_that_a_broker_that_takes_no_pieces_does_not_make_the_model_slow() -> None:
    harness = Harness()
    deps = assemble(harness, m={"default": TEXT})
    harness.producer.hold = lambda _record: True
    asked = asyncio.create_task(_answered(deps))
    await asyncio.sleep(0.3)
    harness.producer.let_go()
    await asked
    (health,) = deps.measures.take_changed(time.time())
    assert health.seconds < 0.2
