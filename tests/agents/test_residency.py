"""The agents are the last door before a tenant's data leaves: none lets it out of the tenant's regions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agents import call_model, connect, ingest, retrieve
from agents.base import within_regions
from app.dependencies import Dependencies
from app.errors import ResidencyError
from app.partitioner import partition_of
from app.retrieval.several import Stores
from app.security.residency import Residency
from app.settings import Settings
from tests.agents.deps import Embedder, Measured, Store, assemble, connected, received, scripted
from topics.base import Event
from topics.documents import Document
from topics.model_requests import Message, ModelRequest
from topics.model_responses import ModelResponse
from topics.retrieval_requests import RetrievalRequest
from topics.retrieval_results import RetrievalResult
from topics.step_requests import StepRequest
from topics.step_results import StepResult

ASKED = (Message(role="user", content="why?"),)
ABROAD = {"store": "memory", "region": "us", "embedder_region": "us"}


class Connector:
    asked = 0

    async def run(self, _arguments: Any, *, timeout: float) -> str:  # noqa: ARG002  # the port's signature
        self.asked += 1
        return "Ada"

    async def close(self) -> None:
        """Hold nothing."""


def parts(**settings: Any) -> Dependencies:
    """Return models here and abroad, for a tenant that is bound to here; `settings` are of what else there is."""
    models = {"here": scripted(), "abroad": scripted()}
    found = {"here": {"provider": "scripted"}, "abroad": {"provider": "scripted", "region": "us"}}
    bound = Settings.model_validate(
        {"models": found, "residency": {"region": "eu", "tenants": {"acme": ["eu"]}}, **settings}
    )
    connectors = {"crm": connected(Connector())}
    return replace(
        assemble(models=models, connectors=connectors),
        residency=Residency(bound),
        stores=Stores({"default": Store()}, {}),
    )


async def _ask(deps: Dependencies, **fields: Any) -> ModelResponse:
    asked = {"id": "t/say/m/1", "task_id": "t", "step": "say", "branch": "m", "model": "here", "messages": ASKED}
    response = await _answer(call_model, ModelRequest.model_validate({**asked, **fields}), deps)
    assert isinstance(response, ModelResponse)
    return response


async def _answer(agent: Any, request: Event, deps: Dependencies) -> Event:
    """Return the agent's answer, as its own stream would have it."""
    outgoing, *_ = await within_regions(received(request), deps, agent.RESPONDER, agent.handle)
    return outgoing.event


@pytest.mark.parametrize("more", [{}, {"cache_for": 60.0}, {"purpose": "fusion"}, {"batch": True}, {"stream": True}])
async def test_that_a_model_abroad_is_not_asked(more: dict[str, Any]) -> None:
    deps = parts()
    assert isinstance(deps.metrics, Measured)
    refused = await _ask(deps, model="abroad", tenant="acme", **more)
    assert refused.error
    assert (refused.error.code, refused.text) == ("residency", "")
    assert deps.metrics.calls == []
    assert (await _ask(deps, model="abroad", tenant="umbrella")).error is None
    assert (await _ask(deps, model="here", tenant="acme", **more)).error is None
    assert [call[0] for call in deps.metrics.calls if call[0] == "abroad"] == ["abroad"]


@pytest.mark.parametrize("abroad", [False, True])
async def test_that_an_embedder_abroad_gets_neither_questions_nor_answers(*, abroad: bool) -> None:
    deps = parts(retrieval=ABROAD if abroad else {})
    assert isinstance(deps.embedder, Embedder)
    await _ask(deps, tenant="acme", embed=True)
    await _ask(deps, tenant="acme", cache_for=60.0, cache_similar=0.9)
    assert bool(deps.embedder.asked) is not abroad


@pytest.mark.parametrize("abroad", [False, True])
async def test_that_a_cache_abroad_keeps_no_answer(*, abroad: bool) -> None:
    deps = parts(cache={"region": "us" if abroad else "eu"})
    assert not (await _ask(deps, tenant="acme", cache_for=60.0)).cached
    assert (await _ask(deps, tenant="acme", cache_for=60.0)).cached is not abroad


async def test_that_a_connector_abroad_is_not_run() -> None:
    deps = parts(connectors={"crm": {"url": "http://crm", "region": "us"}})
    request = StepRequest(id="t/look/1", task_id="t", step="look", connector="crm", tenant="acme")
    result = await _answer(connect, request, deps)
    connector = deps.connectors["crm"].connector
    assert isinstance(result, StepResult)
    assert isinstance(connector, Connector)
    assert result.error
    assert (result.error.code, connector.asked) == ("residency", 0)
    await _answer(connect, request.model_copy(update={"tenant": ""}), deps)
    assert connector.asked == 1


async def test_that_a_store_abroad_is_not_searched() -> None:
    deps = parts(retrieval=ABROAD)
    request = RetrievalRequest(id="t/find", task_id="t", step="find", query="why?", tenant="acme")
    result = await _answer(retrieve, request, deps)
    assert isinstance(result, RetrievalResult)
    assert isinstance(deps.stores.default, Store)
    assert result.error
    assert (result.error.code, deps.stores.default.asked) == ("residency", [])
    await _answer(retrieve, request.model_copy(update={"tenant": ""}), deps)
    assert len(deps.stores.default.asked) == 1


async def test_that_a_document_is_not_embedded_abroad_but_may_be_deleted() -> None:
    deps = parts(retrieval=ABROAD)
    document = Document(id="guide", text="Because.", tenant="acme")
    home = partition_of(document.key, deps.settings.topics.partitions)

    def arrived(one: Document) -> Any:
        return replace(received(one, partition=home), key=one.key.encode())

    with pytest.raises(ResidencyError, match="tenant acme is bound to eu, and the embedder is in us"):
        await ingest.handle(arrived(document), deps)
    deleted = document.model_copy(update={"deleted": True})
    assert await ingest.handle(arrived(deleted), deps)
