from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from app.brokers.base import Connection
from app.brokers.topics import InternalTopic, ensure_topics
from app.client.client import Client
from app.gateway.operations import windows
from app.runs.history_reader import runs_topic
from app.settings import ModelSettings, Settings
from app.workflows.budgets.state import BudgetState
from app.workflows.records import records
from tests.gateway.requests import call
from topics import SPEND
from topics.budgets import Terms
from topics.model_responses import Usage
from topics.spend import Spend


@pytest.fixture
def settings(settings: Settings) -> Settings:
    models = {"one": ModelSettings(provider="openai", model="gpt-5"), "two": ModelSettings(provider="scripted")}
    given = {"budgets": [{"name": "all", "limit": 9.0, "period": "1d"}]}
    return settings.model_copy(update={"models": models, "budgets": Settings.model_validate(given).budgets})


async def spend(client: Client, name: str, cost: float, *, ago: float = 0.0, **fields: Any) -> None:
    at = datetime.now(UTC) - timedelta(seconds=ago)
    known = {"request_id": "r", "task_id": "t", "step": "s", "model": name, "provider": "p"} | fields
    event = Spend(id=f"{name}{ago}{fields}", usage=Usage(input_tokens=1, cost=cost), at=at, **known)
    await (await client.send(SPEND, "t", event, id=event.id))


async def test_that_what_was_spent_in_a_window_is_added_up_by_group(
    http: aiohttp.ClientSession, client: Client
) -> None:
    for name, cost in (("a", 1.0), ("b", 2.0), ("c", 3.0)):
        await spend(client, name, cost, workflow=f"w-{name}")
    await spend(client, "a", 50.0, ago=7200)
    _, page = await call(http, "GET", "/v1/spend?window=1h&limit=2")
    await spend(client, "z", 100.0)
    _, rest = await call(http, "GET", f"/v1/spend?window=1h&limit=2&cursor={page['next']}")
    assert [(row["name"], row["cost"]) for row in page["data"] + rest["data"]] == [("c", 3.0), ("b", 2.0), ("a", 1.0)]
    assert (rest["total"]["cost"], rest["next"]) == (6.0, None)
    _, said = await call(http, "GET", "/v1/spend?by=workflow&workflow=w-b&window=1h")
    assert [(row["by"], row["name"]) for row in said["data"]] == [("workflow", "w-b")]
    for query in ("window=0", "window=x", "by=x", "cursor=e30", "cursor=WzEsMiwtMV0", "window=9999d"):
        assert (await call(http, "GET", f"/v1/spend?{query}"))[0] == 422, query


async def test_that_a_window_with_too_many_events_is_refused(
    http: aiohttp.ClientSession, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "MOST_EVENTS", 1)
    await spend(client, "a", 1.0)
    assert (await call(http, "GET", "/v1/spend"))[0] == 200
    await spend(client, "b", 1.0)
    status, said = await call(http, "GET", "/v1/spend")
    assert (status, said["code"]) == (422, "window_too_large")


async def test_that_budgets_tell_what_is_spent(
    http: aiohttp.ClientSession, client: Client, embedded: Connection
) -> None:
    _, said = await call(http, "GET", "/v1/budgets")
    assert [(row["budget"], row["limit"], row["spent"]) for row in said["data"]] == [("all", 9.0, 0.0)]
    used = BudgetState("each:acme", Terms(limit=2.0, period=3600.0, reserve=0.1, when_exceeded="queue"))
    now = datetime.now(UTC).timestamp()
    state = replace(used.at(now), spent=1.5)
    topic = runs_topic(client.settings)
    await ensure_topics(embedded, client.settings.topics, [InternalTopic(client.full_name(topic))])
    for key, value in records("budget\t/each:acme", state, None):
        await (await client.put(client.full_name(topic), key.encode(), value, []))
    _, said = await call(http, "GET", "/v1/budgets?name=each")
    assert [(row["budget"], row["spent"]) for row in said["data"]] == [("each:acme", 1.5)]


async def test_that_prices_are_those_that_are_used(http: aiohttp.ClientSession) -> None:
    _, said = await call(http, "GET", "/v1/prices")
    assert [(row["model"], row["known"]) for row in said["data"]] == [("one", True), ("two", False)]
    _, page = await call(http, "GET", "/v1/prices?all=true&limit=2")
    assert (len(page["data"]), bool(page["next"])) == (2, True)
