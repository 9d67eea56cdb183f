from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import AsyncMock

import pytest

from agents.call_model import AGENT, handle
from app.dependencies import Dependencies
from app.errors import ContentFiltered
from app.model_calls.responses import RESPONDER
from app.models.base import Completion
from app.settings import DeliverySettings
from tests.agents.deps import Measured, assemble, received
from tests.delivery.fakes import Harness, Stream, until
from topics import MODEL_REQUESTS, MODEL_RESPONSES, SPEND
from topics.model_requests import Message, ModelRequest, Sampling, Ticket
from topics.model_responses import ModelResponse, Usage
from topics.spend import Spend

REQUEST = ModelRequest(
    id="t/say/m/1",
    task_id="t",
    step="say",
    branch="m",
    model="m",
    messages=(Message(role="user", content="one two three"),),
    batch=True,
)
PRICE = {"input": 2.0, "output": 10.0, "batch": 0.5}
QUICK = {"window": 0.01, "poll": 0.05}


def _parts(harness: Harness | None = None, **script: Any) -> Dependencies:
    return assemble(harness, m={"default": "four five", "batch": QUICK, **script})


async def _response(deps: Dependencies, **fields: Any) -> ModelResponse:
    request = REQUEST.model_copy(update=fields)
    outgoing, *_ = await handle(received(request), deps)
    assert (outgoing.topic, outgoing.id) == (MODEL_RESPONSES, RESPONDER.response_id(received(request)))
    assert isinstance(outgoing.event, ModelResponse)
    assert outgoing.event.id == request.id
    return outgoing.event


async def _ticket(deps: Dependencies, **fields: Any) -> Ticket:
    response = await _response(deps, **fields)
    assert response.error is None
    assert response.ticket
    return response.ticket


async def _later(deps: Dependencies, ticket: Ticket, number: int = 1, **fields: Any) -> ModelResponse:
    return await _response(deps, id=f"{REQUEST.id}~{number}", ticket=ticket, **fields)


def _spent(harness: Harness) -> list[Spend]:
    return [Spend.model_validate_json(record.value or b"") for record in harness.producer.on(SPEND)]


async def test_that_a_request_that_may_wait_gets_a_ticket_and_no_answer() -> None:
    deps = _parts()
    response = await _response(deps)
    assert response.ticket
    assert (response.text, response.error, response.usage, response.provider) == ("", None, Usage(), "scripted")
    assert response.ticket.poll == 0.05


async def test_that_the_answer_comes_for_the_ticket() -> None:
    deps = _parts(reasoning="hm")
    response = await _later(deps, await _ticket(deps))
    assert (response.text, response.reasoning, response.finish_reason) == ("four five", "hm", "stop")
    assert (response.ticket, response.error, response.tries) == (None, None, 1)
    assert response.usage == Usage(input_tokens=3, output_tokens=3, reasoning_tokens=1)
    assert isinstance(deps.metrics, Measured)
    assert deps.metrics.calls == [("m", "scripted/1", "ok", 3)]


async def test_that_the_ticket_is_given_back_while_the_answer_is_not_there() -> None:
    deps = _parts(batch_delay=60.0)
    ticket = await _ticket(deps)
    assert (await _later(deps, ticket)).ticket == ticket


async def test_that_the_price_is_that_of_batches_and_put_on_record_once() -> None:
    harness = Harness()
    deps = _parts(harness, price=PRICE)
    ticket = await _ticket(deps)
    assert _spent(harness) == []
    response = await _later(deps, ticket)
    assert response.usage == Usage(input_tokens=3, output_tokens=2, cost=13e-6)
    await _later(deps, ticket, 2)  # after a crash, it is collected again
    one, other = _spent(harness)
    assert one.id == other.id == f"{ticket.item}#{ticket.batch}"
    assert (one.usage, one.outcome, one.priced, one.estimated) == (response.usage, "answered", "configuration", False)


async def test_that_a_model_that_takes_no_batches_says_so_by_name() -> None:
    response = await _response(_parts(lacks=["batch"]))
    assert response.error
    assert response.error.code == "invalid_request"
    assert "batch" in response.error.message
    assert response.tries == 0


async def test_that_it_is_called_at_once_if_the_request_allows_that() -> None:
    response = await _response(_parts(lacks=["batch"]), downgrade=("batch",))
    assert (response.text, response.downgraded, response.ticket) == ("four five", ("batch",), None)


async def test_that_what_else_a_model_cannot_do_is_refused_or_left_out_in_a_batch_too() -> None:
    deps = _parts(lacks=["seed"])
    refused = await _response(deps, sampling=Sampling(seed=1))
    assert refused.error
    assert refused.error.code == "invalid_request"
    ticket = await _ticket(deps, sampling=Sampling(seed=1), downgrade=("seed",))
    assert (await _later(deps, ticket, sampling=Sampling(seed=1), downgrade=("seed",))).downgraded == ("seed",)


async def test_that_a_batch_that_is_not_taken_is_an_error() -> None:
    response = await _response(_parts(failures=["unauthorized"]))
    assert response.error
    assert (response.error.code, response.ticket) == ("unauthorized", None)


async def test_that_a_batch_that_is_not_known_any_more_is_an_error() -> None:
    ticket = await _ticket(_parts())
    response = await _later(_parts(), ticket)  # another process
    assert response.error
    assert response.error.code == "batch_failed"


async def test_that_a_model_that_takes_no_batches_any_more_fails_its_tickets() -> None:
    ticket = await _ticket(_parts())
    response = await _later(_parts(lacks=["batch"]), ticket)
    assert response.error
    assert response.error.code == "batch_failed"


async def test_that_an_answer_that_does_not_count_is_paid_for_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = Harness()
    deps = _parts(harness, price=PRICE)
    withheld = ContentFiltered("no")
    withheld.answer = Completion("Half", usage=Usage(input_tokens=100, output_tokens=10))
    batcher = deps.models["m"].batcher
    assert batcher
    monkeypatch.setattr(batcher, "collect", AsyncMock(return_value=withheld))
    ticket = await _ticket(deps)
    response, again = await _later(deps, ticket), await _later(deps, ticket, 2)
    assert response.error
    assert (response.error.code, response.usage, again.usage) == ("content_filtered", response.usage, response.usage)
    assert response.usage == Usage(input_tokens=100, output_tokens=10, cost=150e-6)
    one, other = _spent(harness)
    assert one.id == other.id
    assert (one.usage, one.outcome, one.error) == (response.usage, "cut", "content_filtered")


async def test_that_nobody_waits_longer_for_the_ticket_than_for_the_answer() -> None:
    deps = _parts(delay=60.0)
    response = await _response(deps, expires_at=datetime.now(UTC) + timedelta(seconds=0.1))
    assert response.error
    assert response.error.code == "timeout"


async def test_that_an_answer_given_before_comes_at_once() -> None:
    deps = _parts(price=PRICE)
    ticket = await _ticket(deps, cache_for=60.0)
    again = await _ticket(deps, cache_for=60.0, task_id="u")  # a ticket is no answer, and not kept
    assert again.item == ticket.item
    first = await _later(deps, ticket, cache_for=60.0)
    second = await _response(deps, cache_for=60.0, id="u/say/m/1", task_id="u")
    assert (second.text, second.cached, second.usage, second.ticket) == (first.text, True, Usage(), None)
    at_once = await _response(deps, cache_for=60.0, id="v/say/m/1", batch=False)
    assert at_once.cached


async def test_that_an_embedding_comes_with_the_answer() -> None:
    deps = _parts()
    assert (await _response(deps, embed=True)).embedding is None
    assert (await _later(deps, await _ticket(deps), embed=True)).embedding


async def test_that_requests_that_wait_for_their_batch_hold_up_no_call_of_the_same_model() -> None:
    harness, stream = Harness(settings=DeliverySettings(max_in_flight=18)), Stream()
    harness.own(MODEL_REQUESTS.name, 0)
    harness.start(AGENT.run(stream, assemble(harness, m={"batch": {"window": 600.0}})))
    waiting = [REQUEST.model_copy(update={"id": f"waits/{number}"}) for number in range(20)]
    call = REQUEST.model_copy(update={"id": "call", "batch": False})
    harness.deliver(stream, *(harness.message(MODEL_REQUESTS, request) for request in (*waiting, call)))
    await until(lambda: harness.producer.on(MODEL_RESPONSES))
    (answered,) = harness.producer.on(MODEL_RESPONSES)
    assert ModelResponse.model_validate_json(answered.value or b"").id == "call"
    await harness.stop()
