from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from app.client.client import Client
from app.settings import ModelSettings, Settings
from tests.gateway.openai.test_chat_routes import answered, next_task
from tests.gateway.requests import call, events, say
from topics.model_responses import Usage

ASKED: dict[str, Any] = {"model": "big", "max_tokens": 5, "messages": [{"role": "user", "content": "Why?"}]}
PATH = "/v1/messages"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"models": {"big": ModelSettings(provider="scripted")}})


@pytest.mark.parametrize(
    ("arguments", "given"),
    [('{"a": 1}', {"a": 1}), ("", {}), ("[1]", {"invalid_json": "[1]"}), ('{"a"', {"invalid_json": '{"a"'})],
)
async def test_that_calls_of_tools_and_cached_tokens_are_told(
    http: aiohttp.ClientSession, client: Client, arguments: str, given: dict[str, Any]
) -> None:
    asking = asyncio.create_task(call(http, "POST", PATH, ASKED))
    usage = Usage(input_tokens=10, cached_input_tokens=3, cache_write_tokens=2, output_tokens=1)
    calls = [{"id": "c", "name": "f", "arguments": arguments}]
    await answered(client, await next_task(client), tool_calls=calls, usage=usage)
    status, said = await asking
    assert (status, said["stop_reason"]) == (200, "tool_use")
    assert said["content"][1] == {"type": "tool_use", "id": "c", "name": "f", "input": given}
    tokens = {"input_tokens": 5, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2, "output_tokens": 1}
    assert said["usage"] == tokens


async def test_that_a_stream_that_fails_says_so(http: aiohttp.ClientSession, client: Client) -> None:
    asking = asyncio.create_task(http.post(PATH, json={**ASKED, "stream": True}).__aenter__())
    task = await next_task(client)
    await say(client, str(task.id), 0, "be", end=True)
    answer = await asking
    error = {"code": "unavailable", "message": "gone"}
    await answered(client, task, status="failed", answer=None, error=error)
    async with asyncio.timeout(20):
        *_, last = [event async for event in events(answer) if "data" in event]
    assert last["event"] == "error"
    assert json.loads(last["data"])["error"]["message"].startswith("unavailable: gone")


async def test_that_refusals_have_the_form_of_this_api(http: aiohttp.ClientSession) -> None:
    status, said = await call(http, "POST", PATH, {**ASKED, "max_tokens": 0})
    assert (status, said["type"], said["error"]["type"]) == (400, "error", "invalid_request_error")
    async with http.post(PATH, data="{}", headers={"Content-Type": "text/plain"}) as answer:
        said = await answer.json()
        assert (answer.status, said["request_id"]) == (415, answer.headers["X-Request-Id"])
