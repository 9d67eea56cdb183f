from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from app.client.client import Client
from app.settings import ModelSettings, Settings
from tests.gateway.openai.test_chat_routes import next_task
from tests.gateway.requests import call, finish

PATH = "/v1/messages/count_tokens"
TURNS = [{"role": "user", "content": "How are you?"}]  # 12 characters
ASKED: dict[str, Any] = {"model": "big", "messages": TURNS}
TOOL = {"name": "f", "input_schema": {"type": "object"}}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    models = {"big": ModelSettings(provider="scripted"), "near": ModelSettings(provider="local")}
    return settings.model_copy(update={"models": models})


@pytest.mark.parametrize(
    ("given", "tokens"),
    [
        ({}, 3),
        ({"system": "Be brief"}, 5),
        ({"model": "auto"}, 3),
        ({"model": "ask"}, 3),
        ({"model": "near", "tools": [TOOL]}, None),
    ],
)
async def test_that_it_is_about_a_token_for_four_characters(
    http: aiohttp.ClientSession, given: dict[str, Any], tokens: int | None
) -> None:
    status, said = await call(http, "POST", PATH, {**ASKED, **given})
    assert (status, said["meta_ai"]) == (200, {"estimated": True})
    assert said["input_tokens"] == tokens if tokens else said["input_tokens"] > 3


async def test_that_a_model_in_the_worker_counts_itself(http: aiohttp.ClientSession, client: Client) -> None:
    asking = asyncio.create_task(call(http, "POST", PATH, {**ASKED, "model": "near", "system": "S"}))
    task = await next_task(client)
    turns = [{"role": "system", "content": "S"}, *TURNS]
    assert (task.workflow, task.input) == ("count_tokens", {"model": "near", "messages": turns})
    await finish(client, str(task.id), answer=17)
    assert await asking == (200, {"input_tokens": 17, "meta_ai": {"estimated": False}})


async def test_that_a_panel_reads_it_once_for_each_model(http: aiohttp.ClientSession, client: Client) -> None:
    asking = asyncio.create_task(call(http, "POST", PATH, {**ASKED, "model": "near|big"}))
    await finish(client, str((await next_task(client)).id), answer=17)
    assert await asking == (200, {"input_tokens": 20, "meta_ai": {"estimated": True}})


async def test_that_a_failure_is_an_error_of_this_api(http: aiohttp.ClientSession, client: Client) -> None:
    status, said = await call(http, "POST", PATH, {**ASKED, "model": "other"})
    assert (status, said["error"]["type"]) == (404, "not_found_error")
    asking = asyncio.create_task(call(http, "POST", PATH, {**ASKED, "model": "near"}))
    error = {"code": "unknown_connector", "message": "so"}
    await finish(client, str((await next_task(client)).id), status="failed", answer=None, error=error)
    status, said = await asking
    assert (status, said["error"]["message"][:17]) == (502, "unknown_connector")
