from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.call_model import answer_id, failed, handle, run
from agents.parts import Parts
from app.errors import MissingDependency, RetrievalError
from app.vectors import decode
from tests.agents.parts import Embedder, Measured, assemble, received
from tests.delivery.fakes import Stream, World, until
from topics import MODEL_REQUESTS, MODEL_RESPONSES
from topics.model_requests import Message, ModelRequest, Sampling
from topics.model_responses import ModelResponse, Usage

REQUEST = ModelRequest(
    id="t/say/m/1",
    task_id="t",
    step="say",
    branch="m",
    model="m",
    messages=(Message(role="user", content="one two three"),),
)


async def _response(parts: Parts, **fields: Any) -> ModelResponse:
    request = REQUEST.model_copy(update=fields)
    (outgoing,) = await handle(received(request), parts)
    assert (outgoing.topic, outgoing.key, outgoing.partition) == (MODEL_RESPONSES, "t", 2)
    assert outgoing.id == answer_id(received(request)) == "t/say/m/1/response"
    response = outgoing.event
    assert isinstance(response, ModelResponse)
    assert (response.id, response.task_id, response.step, response.branch) == ("t/say/m/1", "t", "say", "m")
    return response


def _measured(parts: Parts) -> Measured:
    assert isinstance(parts.metrics, Measured)
    return parts.metrics


async def test_that_the_models_answer_is_the_response() -> None:
    parts = assemble(m={"default": "four five"})
    response = await _response(parts)
    assert (response.text, response.finish_reason, response.provider) == ("four five", "stop", "scripted")
    assert response.usage == Usage(input_tokens=3, output_tokens=2)
    assert (response.tries, response.error, response.embedding) == (1, None, None)
    assert _measured(parts).calls == [("m", "scripted/1", "ok", 3)]


async def test_that_the_requests_sampling_wins_over_the_models() -> None:
    parts = assemble(m={"default": "word " * 60})
    assert (await _response(parts)).usage.output_tokens == 50  # the model's own setting
    sampled = await _response(parts, sampling=Sampling(max_tokens=2))
    assert (sampled.text, sampled.finish_reason) == ("word word", "length")


async def test_that_an_unknown_model_is_named_with_the_known() -> None:
    response = await _response(assemble(b={}, a={}))
    assert response.error
    assert (response.error.code, response.error.message) == (
        "unknown_model",
        "no model is called m; there are a, b",
    )


async def test_that_what_nobody_waits_for_is_not_called_and_not_paid() -> None:
    parts = assemble(m={})
    response = await _response(parts, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert response.error
    assert response.error.code == "timeout"
    assert _measured(parts).calls == []


async def test_that_the_call_goes_on_no_longer_than_somebody_waits() -> None:
    parts = assemble(m={"delay": 60.0})
    response = await _response(parts, expires_at=datetime.now(UTC) + timedelta(seconds=0.05))
    assert response.error
    assert response.error.code == "timeout"


@pytest.mark.parametrize("code", ["rate_limited", "overloaded", "unauthorized", "invalid_request", "content_filtered"])
async def test_that_an_error_of_the_model_is_the_response(code: str) -> None:
    parts = assemble(m={"failures": [code]})
    response = await _response(parts)
    assert response.error
    assert (response.error.code, response.text, response.usage) == (code, "", Usage())
    assert _measured(parts).calls == [("m", "scripted/1", code, 0)]


async def test_that_an_embedding_comes_along_when_it_is_wanted() -> None:
    response = await _response(assemble(m={"default": "four"}), embed=True)
    assert response.embedding
    assert decode(response.embedding).tolist() == [4.0, 1.0]


@pytest.mark.parametrize("error", [RetrievalError("away"), MissingDependency("pip install x"), RuntimeError("broken")])
async def test_that_a_failed_embedding_keeps_the_answer_that_is_paid_for(error: Exception) -> None:
    parts = assemble(m={"default": "four"})
    assert isinstance(parts.embedder, Embedder)
    parts.embedder.error = error
    response = await _response(parts, embed=True)
    assert (response.text, response.error, response.embedding) == ("four", None, None)


async def test_that_calls_of_one_model_are_bounded_and_one_whose_time_is_over_is_not_begun() -> None:
    parts = assemble(m={})
    slots = parts.models["m"].slots
    await slots.acquire()
    waiting = asyncio.create_task(_response(parts, expires_at=datetime.now(UTC) + timedelta(seconds=0.02)))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    slots.release()
    response = await waiting
    assert response.error
    assert (response.error.code, response.tries) == ("timeout", 0)
    assert (await _response(parts)).error is None


@pytest.mark.parametrize(("error", "code"), [(RetrievalError("away"), "retrieval"), (KeyError("secret"), "internal")])
def test_that_the_run_is_told_of_a_final_failure(error: Exception, code: str) -> None:
    (outgoing,) = failed(received(REQUEST), error)
    assert isinstance(outgoing.event, ModelResponse)
    assert outgoing.event.error
    assert (outgoing.id, outgoing.event.error.code) == ("t/say/m/1/response", code)
    assert "secret" not in repr(outgoing)


async def test_that_the_agent_pays_once_for_a_request_that_comes_twice() -> None:
    world, stream = World(), Stream()
    world.own(MODEL_REQUESTS.name, 0)
    parts = assemble(world, m={"delay": 0.01})
    world.start(run(stream, parts))
    world.deliver(stream, *(world.message(MODEL_REQUESTS, REQUEST) for _ in range(3)))
    await until(lambda: world.committable(MODEL_REQUESTS) == 3)
    assert len(_measured(parts).calls) == len(world.producer.on(MODEL_RESPONSES)) == 1
    await world.stop()
