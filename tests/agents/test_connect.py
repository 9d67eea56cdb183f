from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import JsonValue

from agents.connect import AGENT, RESPONDER, handle
from app.dependencies import Dependencies
from app.errors import ConnectorError, ConnectorUnavailable, RetrievalError
from app.settings import DeliverySettings, Settings
from tests.agents.deps import assemble, connected, received
from tests.delivery.fakes import Harness, Stream, settle, until
from topics import DEAD_LETTERS, STEP_REQUESTS, STEP_RESULTS
from topics.step_requests import StepRequest
from topics.step_results import StepResult

REQUEST = StepRequest(id="t/look/1", task_id="t", step="look", connector="crm", arguments={"customer": 7})


class Crm:
    """Answers from `output`, or raises `error`; waits for `go`."""

    def __init__(self, output: Any = "Ada", error: Exception | None = None) -> None:
        self.output = output
        self.error = error
        self.asked: list[tuple[Mapping[str, JsonValue], float]] = []
        self.go = asyncio.Event()
        self.go.set()

    async def run(self, arguments: Mapping[str, JsonValue], *, timeout: float) -> JsonValue:
        self.asked.append((arguments, timeout))
        await self.go.wait()
        if self.error:
            raise self.error
        output: JsonValue = self.output
        return output

    async def close(self) -> None:
        """Hold nothing."""


def _parts(crm: Crm, *, harness: Harness | None = None, **settings: Any) -> Dependencies:
    return assemble(harness, connectors={"crm": connected(crm, **settings), "erp": connected(Crm())})


async def _result(deps: Dependencies, **fields: Any) -> StepResult:
    request = REQUEST.model_copy(update=fields)
    (outgoing,) = await handle(received(request), deps)
    assert (outgoing.topic, outgoing.key, outgoing.partition) == (STEP_RESULTS, request.task_id, 2)
    assert outgoing.id == RESPONDER.response_id(received(request)) == f"{request.id}/result"
    result = outgoing.event
    assert isinstance(result, StepResult)
    assert (result.id, result.task_id, result.step) == (request.id, request.task_id, request.step)
    return result


def _code(result: StepResult) -> str:
    assert result.error
    assert result.output is None
    return result.error.code


def _in(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize("output", ["Ada", {"a": [1, None]}, None, False])
async def test_that_what_the_connector_returns_is_the_result(output: JsonValue) -> None:
    crm = Crm(output)
    result = await _result(_parts(crm, timeout=20.0))
    assert (result.output, result.error, result.cached) == (output, None, False)
    assert result.seconds >= 0.0
    assert crm.asked == [({"customer": 7}, 20.0)]


async def test_that_an_unknown_connector_is_named_with_the_known() -> None:
    result = await _result(_parts(Crm()), connector="cmr")
    assert _code(result) == "unknown_connector"
    assert result.error
    assert result.error.message == "no connector is called cmr; did you mean `crm`?"


async def test_that_it_goes_on_no_longer_than_somebody_waits() -> None:
    crm = Crm()
    crm.go.clear()
    assert _code(await _result(_parts(crm), expires_at=_in(0.05))) == "timeout"
    assert crm.asked[0][1] <= 0.05


async def test_that_requests_of_one_connector_are_bounded_and_one_whose_time_is_over_is_not_begun() -> None:
    crm = Crm()
    deps = _parts(crm)
    async with deps.connectors["crm"].slots:
        waiting = asyncio.create_task(_result(deps, expires_at=_in(0.02)))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        assert (await _result(deps, connector="erp")).output == "Ada"
    assert _code(await waiting) == "timeout"
    assert crm.asked == []
    assert (await _result(deps)).error is None


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ConnectorError("HTTP 404", status=404), "connector", "HTTP 404"),
        (ConnectorUnavailable("HTTP 503", status=503), "connector_unavailable", "HTTP 503"),
        (RetrievalError("away"), "retrieval", "away"),
        (KeyError("hunter2"), "connector", "crm failed with KeyError; see the worker's log"),
    ],
)
async def test_that_every_error_is_a_result_for_the_run(error: Exception, code: str, message: str) -> None:
    result = await _result(_parts(Crm(error=error)))
    assert _code(result) == code
    assert result.error
    assert result.error.message == message


async def test_that_an_output_that_no_agent_would_take_is_an_error() -> None:
    limit = Settings().delivery.max_event_bytes
    assert _code(await _result(_parts(Crm("x" * limit)))) == "too_large"
    assert (await _result(_parts(Crm("x" * (limit - 500))))).error is None


async def test_that_an_equal_request_is_given_the_same_answer() -> None:
    crm = Crm()
    deps = _parts(crm)
    first = await _result(deps, cache_for=60.0)
    second = await _result(deps, cache_for=60.0, id="u/x/1", task_id="u", step="x", expires_at=_in(60))
    assert (first.output, first.cached) == ("Ada", False)
    assert (second.output, second.cached, second.seconds) == ("Ada", True, 0.0)
    assert len(crm.asked) == 1
    assert not (await _result(deps, cache_for=60.0, arguments={"customer": 8})).cached
    assert not (await _result(deps, cache_for=60.0, connector="erp")).cached
    assert not (await _result(deps)).cached


async def test_that_a_failure_is_not_cached() -> None:
    crm = Crm(error=ConnectorUnavailable("HTTP 503"))
    deps = _parts(crm)
    assert _code(await _result(deps, cache_for=60.0)) == "connector_unavailable"
    crm.error = None
    assert (await _result(deps, cache_for=60.0)).cached is False


async def test_that_equal_requests_at_once_are_one_for_the_connector() -> None:
    crm = Crm()
    crm.go.clear()
    deps = _parts(crm)
    tasks = [asyncio.create_task(_result(deps, cache_for=60.0, id=f"t{n}/look/1", task_id=f"t{n}")) for n in range(3)]
    await settle()
    crm.go.set()
    assert [result.cached for result in await asyncio.gather(*tasks)] == [False, True, True]
    assert len(crm.asked) == 1


@pytest.mark.parametrize(("error", "code"), [(ConnectorError("no"), "connector"), (KeyError("secret"), "internal")])
def test_that_the_run_is_told_of_a_final_failure(error: Exception, code: str) -> None:
    (outgoing,) = RESPONDER.failed(received(REQUEST), error)
    assert isinstance(outgoing.event, StepResult)
    assert (outgoing.id, _code(outgoing.event)) == ("t/look/1/result", code)
    assert "secret" not in repr(outgoing)


async def test_that_the_agent_asks_once_for_a_request_that_comes_twice_and_buries_nothing() -> None:
    harness, stream = Harness(settings=DeliverySettings(backoff=0.001, retries=3)), Stream()
    harness.own(STEP_REQUESTS.name, 0)
    crm = Crm(error=ConnectorUnavailable("HTTP 503"))
    harness.start(AGENT.run(stream, _parts(crm, harness=harness)))
    harness.deliver(stream, *(harness.message(STEP_REQUESTS, REQUEST) for _ in range(3)))
    await until(lambda: harness.committable(STEP_REQUESTS) == 3)
    assert len(crm.asked) == len(harness.producer.on(STEP_RESULTS)) == 1
    assert harness.producer.on(DEAD_LETTERS) == []
    assert harness.metrics.retries == 0  # whether it is tried again is for the step to say
    await harness.stop()
