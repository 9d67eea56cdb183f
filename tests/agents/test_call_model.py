from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.call_model import AGENT, handle
from app.dependencies import Dependencies
from app.errors import MissingDependency, ModelError, RetrievalError
from app.model_calls.responses import RESPONDER
from app.models.base import Prompt
from app.models.limits.factory import build_limiter
from app.models.outcome import FAULTS
from app.settings import DeliverySettings, TopicSettings
from app.vectors import decode
from tests.agents.deps import Embedder, Hanging, Measured, assemble, received
from tests.delivery.fakes import Harness, Stream, settle, until
from topics import MODEL_REQUESTS, MODEL_RESPONSES
from topics.model_health import ModelHealth
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


async def _response(deps: Dependencies, **fields: Any) -> ModelResponse:
    request = REQUEST.model_copy(update=fields)
    outgoing, *_ = await handle(received(request), deps)
    assert (outgoing.topic, outgoing.key, outgoing.partition) == (MODEL_RESPONSES, request.task_id, 2)
    assert outgoing.id == RESPONDER.response_id(received(request)) == f"{request.id}/response"
    response = outgoing.event
    assert isinstance(response, ModelResponse)
    for field in ("id", "task_id", "step", "branch", "model", "purpose"):
        assert getattr(response, field) == getattr(request, field)
    return response


def _measured(deps: Dependencies) -> Measured:
    assert isinstance(deps.metrics, Measured)
    return deps.metrics


def _health(deps: Dependencies) -> list[ModelHealth]:
    return deps.measures.take_changed(time.time())


async def test_that_the_models_answer_is_the_response() -> None:
    deps = assemble(m={"default": "four five"})
    response = await _response(deps)
    assert (response.text, response.finish_reason, response.provider) == ("four five", "stop", "scripted")
    assert response.usage == Usage(input_tokens=3, output_tokens=2)
    assert (response.tries, response.error, response.embedding, response.cached) == (1, None, None, False)
    assert _measured(deps).calls == [("m", "scripted/1", "ok", 3)]


async def test_that_a_call_of_a_fusion_says_so_in_its_response() -> None:
    assert (await _response(assemble(m={}), purpose="fusion", branch="judge")).purpose == "fusion"


async def test_that_the_usage_says_what_the_call_cost() -> None:
    deps = assemble(m={"default": "four five", "price": {"input": 2.0, "output": 10.0}})
    assert (await _response(deps)).usage == Usage(input_tokens=3, output_tokens=2, cost=26e-6)


async def test_that_the_requests_sampling_wins_over_the_models() -> None:
    deps = assemble(m={"default": "word " * 60})
    assert (await _response(deps)).usage.output_tokens == 50  # the model's own setting
    sampled = await _response(deps, sampling=Sampling(max_tokens=2))
    assert (sampled.text, sampled.finish_reason) == ("word word", "length")


async def test_that_an_unknown_model_is_named_with_the_known() -> None:
    response = await _response(assemble(b={}, a={}))
    assert response.error
    assert (response.error.code, response.error.message) == (
        "unknown_model",
        "no model is called m; there are a, b",
    )


async def test_that_the_call_goes_on_no_longer_than_somebody_waits() -> None:
    deps = assemble(m={"delay": 60.0})
    response = await _response(deps, expires_at=datetime.now(UTC) + timedelta(seconds=0.05))
    assert response.error
    assert response.error.code == "timeout"


@pytest.mark.parametrize("code", ["rate_limited", "overloaded", "unauthorized", "invalid_request", "content_filtered"])
async def test_that_an_error_of_the_model_is_the_response(code: str) -> None:
    deps = assemble(m={"failures": [code]})
    response = await _response(deps)
    assert response.error
    assert (response.error.code, response.text, response.usage) == (code, "", Usage())
    assert _measured(deps).calls == [("m", "scripted/1", code, 0)]


async def test_that_a_time_out_for_want_of_time_says_nothing_of_the_models_health() -> None:
    deps = assemble(m={"delay": 60.0})
    response = await _response(deps, expires_at=datetime.now(UTC) + timedelta(seconds=0.2))
    assert response.error
    assert (response.error.code, response.tries) == ("timeout", 1)
    assert _health(deps) == []


async def test_that_an_answer_is_good_for_the_models_health() -> None:
    deps = assemble(m={})
    await _response(deps)
    (health,) = _health(deps)
    assert (health.model, health.worker, health.calls, health.errors) == ("m", "here", 1, 0.0)
    assert health.seconds > 0.0


@pytest.mark.parametrize("code", ["rate_limited", "overloaded", "unavailable", "unauthorized", "timeout"])
async def test_that_a_fault_of_the_model_is_bad_for_its_health(code: str) -> None:
    deps = assemble(m={"failures": [code]})
    await _response(deps)
    assert [(health.calls, health.errors) for health in _health(deps)] == [(1, 1.0)]


@pytest.mark.parametrize("code", ["invalid_request", "content_filtered"])
async def test_that_a_wrong_request_says_nothing_of_the_models_health(code: str) -> None:
    deps = assemble(m={"failures": [code]})
    await _response(deps)
    assert _health(deps) == []


def test_that_every_transient_error_of_models_is_a_fault() -> None:
    batches = {"batch_expired", "batch_failed"}  # a batch that came to nothing says little of how calls would go
    assert {kind.code for kind in ModelError.__subclasses__() if kind.transient} - batches < FAULTS


async def test_that_an_embedding_comes_along_when_it_is_wanted() -> None:
    response = await _response(assemble(m={"default": "four"}), embed=True)
    assert response.embedding
    assert decode(response.embedding).tolist() == [4.0, 1.0]


@pytest.mark.parametrize("error", [RetrievalError("away"), MissingDependency("pip install x"), RuntimeError("broken")])
async def test_that_a_failed_embedding_keeps_the_answer_that_is_paid_for(error: Exception) -> None:
    deps = assemble(m={"default": "four"})
    assert isinstance(deps.embedder, Embedder)
    deps.embedder.error = error
    response = await _response(deps, embed=True)
    assert (response.text, response.error, response.embedding) == ("four", None, None)


async def test_that_an_answer_does_not_wait_for_its_embedding_beyond_its_time() -> None:
    deps = replace(assemble(m={"default": "four"}), embedder=Hanging())
    soon = datetime.now(UTC) + timedelta(seconds=0.5)
    response = await asyncio.wait_for(_response(deps, embed=True, expires_at=soon), 30)
    assert (response.text, response.error, response.embedding) == ("four", None, None)


@asynccontextmanager
async def _held(deps: Dependencies) -> AsyncIterator[None]:
    """Take the one place that there is."""
    permit = await deps.models["m"].limiter.enter(Prompt(()), priority=0, deadline=None)
    yield
    permit.leave(None)


def _guarded(deps: Dependencies) -> Dependencies:
    """Return the parts with the model behind the limiter that it has in a worker, which lets one call through."""
    model = deps.models["m"]
    settings = model.settings.model_copy(update={"max_concurrency": 1})
    limiter = build_limiter("m", model.model, settings, deps.measures.circuit("m"))
    return replace(deps, models={"m": replace(model, limiter=limiter)})


async def test_that_calls_of_one_model_are_bounded_and_one_whose_time_is_over_is_not_begun() -> None:
    deps = assemble(m={})
    async with _held(deps):
        response = await _response(deps, expires_at=datetime.now(UTC) + timedelta(seconds=0.02))
    assert response.error
    assert (response.error.code, response.tries) == ("timeout", 0)
    assert _health(deps) == []
    assert (await _response(deps)).error is None


async def test_that_of_waiting_calls_the_urgent_one_is_made_first() -> None:
    deps, order = _guarded(assemble(m={})), list[str]()

    async def ask(name: str, priority: int) -> None:
        await _response(deps, id=name, priority=priority)
        order.append(name)

    async with asyncio.TaskGroup() as group, _held(deps):
        for name, priority in (("first", 0), ("second", 0), ("urgent", 5), ("idle", -5)):
            group.create_task(ask(name, priority))
            await settle()
    assert order == ["urgent", "first", "second", "idle"]


async def test_that_an_equal_request_is_given_the_same_answer_for_nothing() -> None:
    deps = assemble(m={"default": "four", "price": {"input": 2.0}})
    first = await _response(deps, cache_for=60.0)
    second = await _response(deps, cache_for=60.0, id="u/x/m/1", task_id="u", step="x", purpose="fusion")
    assert (first.text, first.cached, first.tries) == ("four", False, 1)
    assert (second.text, second.cached, second.tries, second.usage) == ("four", True, 0, Usage())
    assert (second.provider, second.finish_reason, second.seconds) == ("scripted", "stop", 0.0)
    assert len(_measured(deps).calls) == 1
    assert [health.calls for health in _health(deps)] == [1]


@pytest.mark.parametrize(
    "other",
    [
        {"messages": (Message(role="user", content="else"),)},
        {"sampling": Sampling(seed=1)},
        {"branch": "m#2"},  # a further sample is to be another answer
        {"attempt": 2},
        {"embed": True},
        {"cache_for": None},
    ],
)
async def test_that_another_request_is_called_for_itself(other: dict[str, Any]) -> None:
    deps = assemble(m={})
    await _response(deps, cache_for=60.0)
    assert not (await _response(deps, **{"cache_for": 60.0, **other})).cached
    assert len(_measured(deps).calls) == 2


async def test_that_a_failure_is_not_cached() -> None:
    deps = assemble(m={"failures": ["overloaded"]})
    assert (await _response(deps, cache_for=60.0)).error
    again = await _response(deps, cache_for=60.0)
    assert (again.error, again.cached) == (None, False)


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"delivery": DeliverySettings(max_event_bytes=2048)}, "delivery.max_event_bytes allows 2048"),
        ({"topics": TopicSettings(max_message_bytes=3072)}, "topics.max_message_bytes allows 2048"),
    ],
)
async def test_that_an_answer_that_is_too_large_is_an_error_with_its_cost(
    settings: dict[str, Any], named: str, *, batch: bool
) -> None:
    deps = assemble(m={"default": "x" * 2000, "reasoning": "hm", "price": {"output": 10.0}, "batch": {"window": 0.01}})
    deps = replace(deps, settings=deps.settings.model_copy(update=settings))
    response = await _response(deps, batch=batch, cache_for=60.0)
    if batch:
        response = await _response(deps, batch=True, ticket=response.ticket, cache_for=60.0)
    assert response.error
    assert response.error.code == "too_large"
    assert named in response.error.message
    assert (response.text, response.reasoning) == ("", "")
    assert response.usage == Usage(input_tokens=3, output_tokens=2, reasoning_tokens=1, cost=20e-6)
    again = await _response(deps, cache_for=60.0)
    assert not again.cached


@pytest.mark.parametrize(("error", "code"), [(RetrievalError("away"), "retrieval"), (KeyError("secret"), "internal")])
def test_that_the_run_is_told_of_a_final_failure(error: Exception, code: str) -> None:
    (outgoing,) = RESPONDER.failed(received(REQUEST), error)
    assert isinstance(outgoing.event, ModelResponse)
    assert outgoing.event.error
    assert (outgoing.id, outgoing.event.error.code) == ("t/say/m/1/response", code)
    assert "secret" not in repr(outgoing)


async def test_that_the_agent_pays_once_for_a_request_that_comes_twice() -> None:
    harness, stream = Harness(), Stream()
    harness.own(MODEL_REQUESTS.name, 0)
    deps = assemble(harness, m={"delay": 0.01})
    harness.start(AGENT.run(stream, deps))
    harness.deliver(stream, *(harness.message(MODEL_REQUESTS, REQUEST) for _ in range(3)))
    await until(lambda: harness.committable(MODEL_REQUESTS) == 3)
    assert len(_measured(deps).calls) == len(harness.producer.on(MODEL_RESPONSES)) == 1
    await harness.stop()


async def test_that_requests_that_wait_for_a_model_are_answered_by_their_priority() -> None:
    harness, stream = Harness(settings=DeliverySettings(max_in_flight=1)), Stream()
    harness.own(MODEL_REQUESTS.name, 0)
    harness.start(AGENT.run(stream, assemble(harness, m={"delay": 0.01})))
    asked = [("running", 0), ("low", -1), ("high", 1)]
    requests = [REQUEST.model_copy(update={"id": name, "priority": priority}) for name, priority in asked]
    harness.deliver(stream, *(harness.message(MODEL_REQUESTS, request) for request in requests))
    await until(lambda: harness.committable(MODEL_REQUESTS) == 3)
    answers = [ModelResponse.model_validate_json(one.value or b"") for one in harness.producer.on(MODEL_RESPONSES)]
    assert [one.id for one in answers] == ["running", "high", "low"]
    await harness.stop()


async def test_that_a_call_ends_when_its_run_is_cancelled_and_what_it_cost_is_recorded() -> None:
    harness = Harness()
    script = {"default": "one " * 50, "piece_delay": 0.05, "price": {"input": 2.0, "output": 10.0}}
    deps = assemble(harness, m=script)
    asking = asyncio.create_task(_response(deps, stream=True))
    await until(lambda: any(message.topic == "result-chunks" for message in harness.producer.sent))
    deps.cancelled_runs.add("t")
    response = await asyncio.wait_for(asking, 20)
    assert response.error
    assert (response.error.code, response.tries) == ("cancelled", 1)
    assert 0 < response.usage.output_tokens < 50
    assert [message.topic for message in harness.producer.sent].count("spend") == 1
    assert _health(deps) == []  # it says nothing of the model
    assert (await _response(deps)).tries == 0  # a call of this run is not begun any more
