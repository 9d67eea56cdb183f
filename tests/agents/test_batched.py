from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from agents.call_model import handle, run
from agents.parts import Parts
from agents.responses import answer_id
from app.settings import DeliverySettings
from tests.agents.parts import Measured, assemble, received
from tests.delivery.fakes import Stream, World, until
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


def _parts(world: World | None = None, **script: Any) -> Parts:
    return assemble(world, m={"default": "four five", "batch": QUICK, **script})


async def _response(parts: Parts, **fields: Any) -> ModelResponse:
    request = REQUEST.model_copy(update=fields)
    outgoing, *_ = await handle(received(request), parts)
    assert (outgoing.topic, outgoing.id) == (MODEL_RESPONSES, answer_id(received(request)))
    assert isinstance(outgoing.event, ModelResponse)
    assert outgoing.event.id == request.id
    return outgoing.event


async def _ticket(parts: Parts, **fields: Any) -> Ticket:
    response = await _response(parts, **fields)
    assert response.error is None
    assert response.ticket
    return response.ticket


async def _later(parts: Parts, ticket: Ticket, number: int = 1, **fields: Any) -> ModelResponse:
    return await _response(parts, id=f"{REQUEST.id}~{number}", ticket=ticket, **fields)


def _spent(world: World) -> list[Spend]:
    return [Spend.model_validate_json(record.value or b"") for record in world.producer.on(SPEND)]


async def test_that_a_request_that_may_wait_gets_a_ticket_and_no_answer() -> None:
    parts = _parts()
    response = await _response(parts)
    assert response.ticket
    assert (response.text, response.error, response.usage, response.provider) == ("", None, Usage(), "scripted")
    assert response.ticket.poll == 0.05


async def test_that_the_answer_comes_for_the_ticket() -> None:
    parts = _parts(reasoning="hm")
    response = await _later(parts, await _ticket(parts))
    assert (response.text, response.reasoning, response.finish_reason) == ("four five", "hm", "stop")
    assert (response.ticket, response.error, response.tries) == (None, None, 1)
    assert response.usage == Usage(input_tokens=3, output_tokens=3, reasoning_tokens=1)
    assert isinstance(parts.metrics, Measured)
    assert parts.metrics.calls == [("m", "scripted/1", "ok", 3)]


async def test_that_the_ticket_is_given_back_while_the_answer_is_not_there() -> None:
    parts = _parts(batch_delay=60.0)
    ticket = await _ticket(parts)
    assert (await _later(parts, ticket)).ticket == ticket


async def test_that_the_price_is_that_of_batches_and_put_on_record_once() -> None:
    world = World()
    parts = _parts(world, price=PRICE)
    ticket = await _ticket(parts)
    assert _spent(world) == []
    response = await _later(parts, ticket)
    assert response.usage == Usage(input_tokens=3, output_tokens=2, cost=13e-6)
    await _later(parts, ticket, 2)  # after a crash, it is collected again
    one, other = _spent(world)
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
    parts = _parts(lacks=["seed"])
    refused = await _response(parts, sampling=Sampling(seed=1))
    assert refused.error
    assert refused.error.code == "invalid_request"
    ticket = await _ticket(parts, sampling=Sampling(seed=1), downgrade=("seed",))
    assert (await _later(parts, ticket, sampling=Sampling(seed=1), downgrade=("seed",))).downgraded == ("seed",)


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


async def test_that_nobody_waits_longer_for_the_ticket_than_for_the_answer() -> None:
    parts = _parts(delay=60.0)
    response = await _response(parts, expires_at=datetime.now(UTC) + timedelta(seconds=0.1))
    assert response.error
    assert response.error.code == "timeout"


async def test_that_an_answer_given_before_comes_at_once() -> None:
    parts = _parts(price=PRICE)
    ticket = await _ticket(parts, cache_for=60.0)
    again = await _ticket(parts, cache_for=60.0, task_id="u")  # a ticket is no answer, and not kept
    assert again.item == ticket.item
    first = await _later(parts, ticket, cache_for=60.0)
    second = await _response(parts, cache_for=60.0, id="u/say/m/1", task_id="u")
    assert (second.text, second.cached, second.usage, second.ticket) == (first.text, True, Usage(), None)
    at_once = await _response(parts, cache_for=60.0, id="v/say/m/1", batch=False)
    assert at_once.cached


async def test_that_an_embedding_comes_with_the_answer() -> None:
    parts = _parts()
    assert (await _response(parts, embed=True)).embedding is None
    assert (await _later(parts, await _ticket(parts), embed=True)).embedding


async def test_that_requests_that_wait_for_their_batch_hold_up_no_call_of_the_same_model() -> None:
    world, stream = World(settings=DeliverySettings(max_in_flight=18)), Stream()
    world.own(MODEL_REQUESTS.name, 0)
    world.start(run(stream, assemble(world, m={"batch": {"window": 600.0}})))
    waiting = [REQUEST.model_copy(update={"id": f"waits/{number}"}) for number in range(20)]
    call = REQUEST.model_copy(update={"id": "call", "batch": False})
    world.deliver(stream, *(world.message(MODEL_REQUESTS, request) for request in (*waiting, call)))
    await until(lambda: world.producer.on(MODEL_RESPONSES))
    (answered,) = world.producer.on(MODEL_RESPONSES)
    assert ModelResponse.model_validate_json(answered.value or b"").id == "call"
    await world.stop()
