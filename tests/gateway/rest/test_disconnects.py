from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from app.client.client import Client
from app.client.topic_ranges import read_since
from app.settings import ModelSettings, Settings
from tests.gateway.openai.test_chat_routes import ASKED, next_task
from tests.gateway.openai.test_chat_routes import PATH as CHAT
from tests.gateway.requests import finish
from topics import SIGNALS

CANCEL = {"on_disconnect": "cancel"}
TASK: dict[str, Any] = {"input": {"question": "why?"}}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"models": {"big": ModelSettings(provider="scripted")}})


async def cancelled(client: Client, count: int) -> set[str]:
    """Return the tasks that are cancelled, as soon as there are so many signals."""
    async with asyncio.timeout(20):
        while len(records := await read_since(client, None, [SIGNALS])) < count:  # noqa: ASYNC110  # nothing tells it
            await asyncio.sleep(0.05)
    signals = [SIGNALS.parse(record.value, max_bytes=10_000) for record in records]
    assert {signal.kind for signal in signals} == {"cancel"}
    return {signal.task_id for signal in signals}


async def test_that_a_client_that_goes_away_cancels_its_run_if_it_asked_so(
    http: aiohttp.ClientSession, client: Client
) -> None:
    headers = {"Prefer": "wait=60"}
    asked: list[tuple[str, dict[str, Any], bool]] = [
        ("/v1/tasks", TASK, False),
        ("/v1/tasks", {**TASK, **CANCEL}, True),
        (CHAT, ASKED, False),
        (CHAT, {**ASKED, "meta_ai": CANCEL}, True),
        (CHAT, {**ASKED, "stream": True, "meta_ai": {"on_disconnect": "continue"}}, False),
        (CHAT, {**ASKED, "stream": True}, True),
    ]
    wanted = set()
    for number, (path, body, cancels) in enumerate(asked, 1):
        asking = asyncio.create_task(http.post(path, json=body, headers=headers).__aenter__())
        task = await next_task(client, number)
        assert "on_disconnect" not in task.model_dump()
        if cancels:
            wanted.add(str(task.id))
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    assert await cancelled(client, len(wanted)) == wanted


async def test_that_a_client_that_stays_gets_its_result(http: aiohttp.ClientSession, client: Client) -> None:
    asking = asyncio.create_task(
        http.post("/v1/tasks", json={**TASK, **CANCEL}, headers={"Prefer": "wait=60"}).__aenter__()
    )
    await finish(client, str((await next_task(client)).id))
    answer = await asking
    assert (answer.status, (await answer.json())["answer"]) == (200, "because")
    assert not await read_since(client, None, [SIGNALS])
