from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import aiohttp
import pytest

from app.client.client import Client
from app.gateway.problems import Refusal
from app.gateway.views.task_lag import TaskLag
from app.settings import ModelSettings, Settings
from tests.gateway.openai.test_chat_routes import ASKED
from tests.gateway.openai.test_chat_routes import PATH as CHAT
from tests.gateway.requests import call
from topics import TASKS
from topics.tasks import Task


@pytest.fixture
def settings(settings: Settings) -> Settings:
    gateway = settings.gateway.model_copy(update={"max_lag": 3})
    return settings.model_copy(update={"models": {"big": ModelSettings(provider="scripted")}, "gateway": gateway})


def lag(waiting: int, *, most: int = 100, rate: float = 10.0) -> TaskLag:
    """Return the lag of workers that have gone on at this rate for two seconds."""
    found = TaskLag(Mock(spec=Client), Mock(), most)
    for second in range(3):
        found.observe(1000 + int(rate * second), waiting, float(second))
    return found


def due(seconds: float) -> Task:
    return Task(input={}, deadline=datetime.now(UTC) + timedelta(seconds=seconds))


def refusal(found: TaskLag, task: Task) -> tuple[int, str, str | None]:
    with pytest.raises(Refusal) as caught:
        found.check(task)
    return int(caught.value.status), caught.value.code, caught.value.headers.get("Retry-After")


def test_that_so_many_may_wait() -> None:
    lag(99).check(Task(input={}))
    assert refusal(lag(100), Task(input={})) == (503, "overloaded", "1")
    assert refusal(lag(180), Task(input={})) == (503, "overloaded", "9")
    assert refusal(lag(10**6), Task(input={})) == (503, "overloaded", "60")
    assert refusal(lag(180, rate=0), Task(input={})) == (503, "overloaded", "1")  # nobody knows


def test_that_a_deadline_can_be_met() -> None:
    lag(50).check(due(20))
    assert refusal(lag(50), due(2))[:2] == (503, "deadline_too_short")
    assert refusal(lag(0), due(-1)) == (422, "deadline_too_short", None)
    lag(50, rate=0).check(due(1))
    TaskLag(Mock(spec=Client), Mock(), 100).check(due(1))  # nothing is known yet


async def test_that_a_gateway_refuses_what_would_wait_too_long_and_only_that(
    http: aiohttp.ClientSession, client: Client
) -> None:
    asked: dict[str, Any] = {"input": {}}
    first = await call(http, "POST", "/v1/tasks", asked, Idempotency_Key="k")
    for number in range(2):  # nobody works on any of them
        await (await client.send(TASKS, f"t-{number}", Task(id=f"t-{number}", input={}), id=f"t-{number}"))
    async with asyncio.timeout(20):
        while (found := await call(http, "POST", "/v1/tasks", asked))[0] == 202:  # noqa: ASYNC110  # nothing tells it
            await asyncio.sleep(0.1)
    status, said = found
    assert (status, said["code"]) == (503, "overloaded")
    assert await call(http, "POST", "/v1/tasks", asked, Idempotency_Key="k") == first
    async with http.post(CHAT, json=ASKED) as answer:
        error = (await answer.json())["error"]
        assert (answer.status, error["type"], error["code"]) == (429, "rate_limit_error", "rate_limit_exceeded")
        assert int(answer.headers["Retry-After"]) >= 1
    status, said = await call(http, "POST", "/v1/messages", {**ASKED, "max_tokens": 5})
    assert (status, said["error"]["type"]) == (529, "overloaded_error")
