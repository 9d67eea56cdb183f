from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agents.retrieve import answer_id, failed, handle, run
from app.errors import RetrievalError
from tests.agents.parts import Measured, Store, assemble, received
from tests.delivery.fakes import Stream, World, until
from topics import RETRIEVAL_REQUESTS, RETRIEVAL_RESULTS
from topics.retrieval_requests import RetrievalRequest
from topics.retrieval_results import Chunk, RetrievalResult

CHUNKS = tuple(Chunk(id=name, document_id="d", source="d.md", lines=(1, 2), text=name) for name in "abc")
REQUEST = RetrievalRequest(id="t/find", task_id="t", step="find", query="why?", limit=2, collection="docs")


async def _result(store: Store, request: RetrievalRequest = REQUEST) -> RetrievalResult:
    (outgoing,) = await handle(received(request), store)
    assert (outgoing.topic, outgoing.key, outgoing.partition) == (RETRIEVAL_RESULTS, "t", 2)
    assert outgoing.id == answer_id(received(request)) == "t/find/result"
    assert isinstance(outgoing.event, RetrievalResult)
    assert (outgoing.event.id, outgoing.event.task_id, outgoing.event.step) == ("t/find", "t", "find")
    return outgoing.event


async def test_that_what_is_found_is_the_result() -> None:
    store = Store(*CHUNKS)
    result = await _result(store)
    assert (result.chunks, result.error) == (CHUNKS[:2], None)
    assert result.seconds >= 0
    assert store.asked == [("why?", 2, "docs")]


async def test_that_finding_nothing_is_no_error() -> None:
    result = await _result(Store())
    assert (result.chunks, result.error) == ((), None)


@pytest.mark.parametrize(("seconds", "searched"), [(-1, False), (60, True)])
async def test_that_what_nobody_waits_for_is_not_searched(seconds: float, *, searched: bool) -> None:
    store = Store(*CHUNKS)
    expires_at = datetime.now(UTC) + timedelta(seconds=seconds)
    result = await _result(store, REQUEST.model_copy(update={"expires_at": expires_at}))
    assert bool(store.asked) is searched
    assert (result.error is None) is searched
    if result.error:
        assert result.error.code == "timeout"


async def test_that_a_failing_store_is_for_delivery_to_try_again() -> None:
    store = Store()
    store.error = RetrievalError("away")
    with pytest.raises(RetrievalError):
        await handle(received(REQUEST), store)


@pytest.mark.parametrize(("error", "code"), [(RetrievalError("away"), "retrieval"), (KeyError("secret"), "internal")])
def test_that_the_run_is_told_of_a_final_failure(error: Exception, code: str) -> None:
    (outgoing,) = failed(received(REQUEST), error)
    assert isinstance(outgoing.event, RetrievalResult)
    assert outgoing.event.error
    assert (outgoing.id, outgoing.event.error.code) == ("t/find/result", code)
    assert "secret" not in repr(outgoing)


async def test_that_the_agent_answers_its_topic_and_measures() -> None:
    world, stream = World(), Stream()
    world.own(RETRIEVAL_REQUESTS.name, 0)
    parts = assemble(world)
    world.start(run(stream, parts))
    world.deliver(stream, world.message(RETRIEVAL_REQUESTS, REQUEST))
    await until(lambda: world.committable(RETRIEVAL_REQUESTS) == 1)
    assert len(world.producer.on(RETRIEVAL_RESULTS)) == 1
    assert isinstance(parts.metrics, Measured)
    assert parts.metrics.retrievals == ["ok"]
    await world.stop()
