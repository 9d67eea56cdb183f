from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agents.call_model import handle
from app.dependencies import Dependencies
from app.model_calls.cached_responses import similar_to
from tests.agents.deps import Embedder, Hanging, assemble, received
from topics import SPEND
from topics.model_requests import Image, Message, ModelRequest
from topics.model_responses import ModelResponse
from topics.spend import Spend

#: The embedder of the tests tells texts apart by their length only.
ASKED = ModelRequest(
    id="t/say/m/1",
    task_id="t",
    step="say",
    branch="m",
    model="m",
    messages=(Message(role="user", content="Who is it?"),),
    cache_for=60.0,
    cache_similar=0.999,
)
LIKE = (Message(role="user", content="Who's that"),)
UNLIKE = (Message(role="user", content="?"),)


async def _ask(deps: Dependencies, **fields: Any) -> tuple[ModelResponse, list[Spend]]:
    response, *others = await handle(received(ASKED.model_copy(update=fields)), deps)
    assert isinstance(response.event, ModelResponse)
    assert all(one.topic is SPEND and one.partition == 2 for one in others)
    return response.event, [one.event for one in others if isinstance(one.event, Spend)]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"messages": LIKE}, 1),
        ({"messages": UNLIKE}, 0),
        ({"messages": LIKE, "cache_similar": None}, 0),
        ({"messages": LIKE, "tenant": "acme"}, 0),
        ({"messages": LIKE, "roles": ("hr",)}, 0),
        ({"messages": LIKE, "cache_in": "tests"}, 0),
        ({"messages": (Message(role="system", content="Be brief."), *LIKE)}, 0),
        ({"messages": (LIKE[0].model_copy(update={"images": (Image(url="https://x.example/a.png"),)}),)}, 0),
    ],
)
async def test_that_a_question_of_the_same_meaning_is_given_the_answer(fields: dict[str, Any], found: int) -> None:
    deps = assemble(m={"default": "me"})
    await _ask(deps)
    assert (await _ask(deps, id="u/say/m/1", **fields))[0].cached == bool(found)


async def test_that_a_failing_embedder_costs_only_the_similarity() -> None:
    deps = assemble(m={"default": "me"})
    assert isinstance(deps.embedder, Embedder)
    deps.embedder.error = RuntimeError("broken")
    assert not (await _ask(deps))[0].cached
    assert (await _ask(deps))[0].cached


async def test_that_what_was_saved_is_on_record() -> None:
    deps = assemble(m={"default": "me", "price": {"input": 2.0, "output": 10.0}})
    first, others = await _ask(deps, tenant="acme")
    second, (record,) = await _ask(deps, tenant="acme", id="u/say/m/1", task_id="u")
    assert (others, first.usage.cost > 0) == ([], True)  # what it cost was recorded before it was answered
    assert (record.outcome, record.usage.cost, record.saved) == ("cached", 0.0, first.usage.cost)
    assert (record.id, record.tenant, record.task_id) == ("u/say/m/1#cached", "acme", "u")
    assert second.usage.cost == 0.0


async def test_that_an_embedder_is_waited_for_no_longer_than_the_answer() -> None:
    assert await asyncio.wait_for(similar_to(ASKED, Hanging(), patience=0.01), 1) is None
