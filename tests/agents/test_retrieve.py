from __future__ import annotations

from dataclasses import replace

import pytest

from agents.retrieve import AGENT, RESPONDER, handle
from app.dependencies import Dependencies
from app.errors import RetrievalError
from app.retrieval.base import SearchScope
from app.retrieval.several import Stores
from tests.agents.deps import Measured, Store, assemble, received
from tests.delivery.fakes import Harness, Stream, until
from topics import RETRIEVAL_REQUESTS, RETRIEVAL_RESULTS
from topics.retrieval_requests import RetrievalRequest
from topics.retrieval_results import Chunk, RetrievalResult

CHUNKS = tuple(Chunk(id=name, document_id="d", source="d.md", lines=(1, 2), text=name) for name in "abc")
REQUEST = RetrievalRequest(id="t/find", task_id="t", step="find", query="why?", limit=2, collection="docs")


def _parts(store: Store) -> Dependencies:
    return replace(assemble(), stores=Stores({"default": store}, {}))


async def _result(deps: Dependencies, request: RetrievalRequest = REQUEST) -> RetrievalResult:
    (outgoing,) = await handle(received(request), deps)
    assert (outgoing.topic, outgoing.key, outgoing.partition) == (RETRIEVAL_RESULTS, request.task_id, 2)
    assert outgoing.id == RESPONDER.response_id(received(request)) == f"{request.id}/result"
    result = outgoing.event
    assert isinstance(result, RetrievalResult)
    assert (result.id, result.task_id, result.step) == (request.id, request.task_id, request.step)
    return result


async def test_that_what_is_found_is_the_result() -> None:
    store = Store(*CHUNKS)
    result = await _result(_parts(store))
    assert (result.chunks, result.error) == (CHUNKS[:2], None)
    assert result.seconds >= 0
    assert store.asked == [("why?", 2, SearchScope("docs"))]


async def test_that_finding_nothing_is_no_error() -> None:
    result = await _result(_parts(Store()))
    assert (result.chunks, result.error) == ((), None)


async def test_that_a_failing_store_is_for_delivery_to_try_again() -> None:
    store = Store()
    store.error = RetrievalError("away")
    with pytest.raises(RetrievalError):
        await handle(received(REQUEST), _parts(store))


async def test_that_an_equal_request_is_given_the_same_chunks_without_a_search() -> None:
    store = Store(*CHUNKS)
    deps = _parts(store)
    first = await _result(deps, REQUEST.model_copy(update={"cache_for": 60.0}))
    again = {"id": "u/look", "task_id": "u", "step": "look", "cache_for": 60.0}
    second = await _result(deps, REQUEST.model_copy(update=again))
    assert (second.chunks, second.seconds) == (first.chunks, 0.0)
    assert len(store.asked) == 1
    for other in ({"limit": 1}, {"tenant": "acme"}, {"tenant": "acme", "roles": ("hr",)}):
        await _result(deps, REQUEST.model_copy(update={"cache_for": 60.0, **other}))
    assert [asked[2] for asked in store.asked[2:]] == [
        SearchScope("docs", "acme"),
        SearchScope("docs", "acme", frozenset({"hr"})),
    ]
    await _result(deps)
    assert len(store.asked) == 5


@pytest.mark.parametrize(("error", "code"), [(RetrievalError("away"), "retrieval"), (KeyError("secret"), "internal")])
def test_that_the_run_is_told_of_a_final_failure(error: Exception, code: str) -> None:
    (outgoing,) = RESPONDER.failed(received(REQUEST), error)
    assert isinstance(outgoing.event, RetrievalResult)
    assert outgoing.event.error
    assert (outgoing.id, outgoing.event.error.code) == ("t/find/result", code)
    assert "secret" not in repr(outgoing)


async def test_that_the_agent_answers_its_topic_and_measures() -> None:
    harness, stream = Harness(), Stream()
    harness.own(RETRIEVAL_REQUESTS.name, 0)
    deps = assemble(harness)
    harness.start(AGENT.run(stream, deps))
    harness.deliver(stream, harness.message(RETRIEVAL_REQUESTS, REQUEST))
    await until(lambda: harness.committable(RETRIEVAL_REQUESTS) == 1)
    assert len(harness.producer.on(RETRIEVAL_RESULTS)) == 1
    assert isinstance(deps.metrics, Measured)
    assert deps.metrics.retrievals == ["ok"]
    await harness.stop()


async def test_that_chunks_are_made_to_fit_where_the_request_says_into_what() -> None:
    chunks = [one.model_copy(update={"text": f"About {one.id * 4}."}) for one in CHUNKS]
    result = await _result(_parts(Store(*chunks)), REQUEST.model_copy(update={"limit": 3, "max_tokens": 24}))
    assert [one.id for one in result.chunks] == ["a", "b"]
    assert result.plan is not None
    assert [(one.id, one.outcome) for one in result.plan] == [("a", "kept"), ("b", "kept"), ("c", "no_room")]
