from __future__ import annotations

import aiohttp
import pytest

from app.brokers.base import Connection
from app.client.client import Client
from app.client.topic_ranges import read_since
from app.settings import GatewaySecurity, GatewaySettings, ModelSettings, PolicySettings, Settings
from tests.gateway.keys import serving
from tests.gateway.requests import call
from topics import TASKS

CHAT = {"model": "gpt", "messages": [{"role": "user", "content": "?"}]}
REQUESTS = {
    "/v1/tasks": {"input": {}, "priority": 3},
    "/v1/chat/completions": {**CHAT, "meta_ai": {"priority": 3}},
    "/v1/responses": {"model": "gpt", "input": "?", "meta_ai": {"priority": 3}},
    "/v1/messages": {**CHAT, "max_tokens": 5, "meta_ai": {"priority": 3}},
}


@pytest.fixture
async def http(embedded: Connection, settings: Settings) -> object:
    rule = PolicySettings(name="calm", when="task.priority != null", reason="nobody is in a hurry")
    gateway = GatewaySettings(port=0, security=GatewaySecurity(policies=(rule,)))
    chosen = Settings(topics=settings.topics, models={"gpt": ModelSettings(provider="scripted")}, gateway=gateway)
    async with serving(chosen, embedded) as session:
        yield session


async def test_that_a_policy_holds_for_tasks_in_every_form(http: aiohttp.ClientSession, client: Client) -> None:
    for path, body in REQUESTS.items():
        status, said = await call(http, "POST", path, body)
        assert status == 403, path
        assert "the policy calm denies this: nobody is in a hurry" in str(said), path
    assert (await call(http, "POST", "/v1/tasks", {"input": {}}))[0] == 202
    assert len(await read_since(client, None, [TASKS])) == 1
